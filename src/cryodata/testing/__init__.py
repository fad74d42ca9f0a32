"""What a package that brings a product can test it with.

::

    from cryodata.testing import ProductContract


    class TestMyProduct(ProductContract):
        product = "CS_LTA_SIR_GOP"
        granules = ["tests/data/CS_LTA_SIR_GOP_20200101.nc"]
"""

from cryodata.testing.contract import ProductContract

__all__ = ["ProductContract"]
