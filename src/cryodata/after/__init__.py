"""What is done with a Dataset after it was read: the verbs of ``ds.cryo``, one module each."""
