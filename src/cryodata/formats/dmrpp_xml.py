"""DMR++ sidecars as they are written: groups, variables, and the chunks that these declare.

Source: "DAP4: Specification Volume 1" of OPeNDAP for the elements, and files of the two writers
(2020, and 3.20.13 or later) for those of ``dmrpp``. What they mean for HDF5 is said elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from cryodata.errors import FormatError, LimitExceededError
from cryodata.options import Limits

__all__ = ["Attribute", "ChunkSaid", "Document", "Group", "Variable", "parse_dmrpp"]

DMRPP = "http://xml.opendap.org/dap/dmrpp/"
"""How the namespace of the elements begins that say where bytes are."""
VARIABLES = frozenset(
    {
        *("Byte", "Char", "Enum", "Float32", "Float64", "Int8", "Int16", "Int32", "Int64"),
        *(
            "Opaque",
            "Sequence",
            "String",
            "Structure",
            "UInt8",
            "UInt16",
            "UInt32",
            "UInt64",
            "URL",
        ),
    }
)


@dataclass(slots=True)
class Attribute:
    """``type`` is DAP's, ``Container`` for one made of others."""

    name: str
    type: str
    values: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChunkSaid:
    """One chunk, in the words of the sidecar; `position` is empty where it says none."""

    offset: str
    nbytes: str
    position: str


@dataclass(slots=True)
class Variable:
    """A variable in the words of the sidecar.

    Attributes
    ----------
    path : str
        Absolute.
    type : str
        DAP's: ``Float32``.
    dims : list of (str, str)
        Name and size of each axis; one of them is empty.
    layout : dict
        Attributes of ``dmrpp:chunks``; None where there is no such element.
    chunk_sizes : str
        ``chunkDimensionSizes``; empty where it says none.
    compact : str or None
        Values in base64.
    others : list of str
        Further elements of ``dmrpp`` or DAP, by name.
    """

    path: str
    type: str
    dims: list[tuple[str, str]] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    layout: dict[str, str] | None = None
    chunk_sizes: str = ""
    chunks: list[ChunkSaid] = field(default_factory=list)
    compact: str | None = None
    others: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """A group; the root's path is ``/``."""

    path: str
    attributes: list[Attribute] = field(default_factory=list)
    dimensions: dict[str, str] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """All of a sidecar; `version` is the writer's, empty for that of 2020."""

    version: str = ""
    groups: dict[str, Group] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)


def parse_dmrpp(text: bytes, limits: Limits) -> Document:
    """What a sidecar says.

    Raises
    ------
    FormatError
        It is no DMR++, is damaged, or declares entities, which no writer does.
    LimitExceededError
        It is larger than ``limits.metadata_bytes``, or nested deeper than ``limits.depth``.
    """
    if len(text) > limits.metadata_bytes:
        raise LimitExceededError(f"The sidecar has {len(text)} bytes", fix="Walk the granule.")
    reader = _Reader(limits)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # of encodings, too
        raise FormatError(f"The sidecar is no XML: {error}") from None
    if "/" not in reader.document.groups:
        raise FormatError("The sidecar is no DMR++: it has no Dataset")
    return reader.document


def _refuse_doctype(*_: object) -> None:
    raise FormatError("The sidecar declares a document type, which no DMR++ does")


class _Reader:
    """Collects elements as they come."""

    def __init__(self, limits: Limits) -> None:
        self.document = Document()
        self._limits = limits
        self._names: list[str] = []
        self._groups: list[Group] = []
        self._variable: Variable | None = None
        self._attributes: list[Attribute] = []
        self._text: list[str] = []
        self._chunks = 0

    def start(self, name: str, given: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        self._names.append(tag)
        self._text = []
        if len(self._names) > self._limits.depth:
            raise LimitExceededError(f"The sidecar is nested deeper than {self._limits.depth}")
        if space.startswith(DMRPP):
            self._start_place(tag, given)
        elif tag in ("Dataset", "Group"):
            self._start_group(tag, given)
        elif self._variable is None and tag in VARIABLES:
            self._start_variable(tag, _need(given, "name"))
        elif tag == "Attribute":
            self._attributes.append(Attribute(_need(given, "name"), given.get("type", "")))
        elif tag == "Dimension" and self._groups:
            self._groups[-1].dimensions[_need(given, "name")] = _need(given, "size")
        elif tag == "Dim" and self._variable is not None:
            self._variable.dims.append((given.get("name", ""), given.get("size", "")))
        elif tag not in ("Value", "Enumeration", "EnumConst") and self._variable is not None:
            self._variable.others.append(tag)

    def end(self, name: str) -> None:
        space, _, tag = name.rpartition(" ")
        self._names.pop()
        if space.startswith(DMRPP):
            self._end_place(tag)
        elif tag in ("Dataset", "Group"):
            self._groups.pop()
        elif tag == "Value" and self._attributes:
            self._attributes[-1].values.append("".join(self._text))
        elif tag == "Attribute":
            self._end_attribute()
        elif tag in VARIABLES and self._names and self._names[-1] in ("Dataset", "Group"):
            self._variable = None
        self._text = []

    def text(self, data: str) -> None:
        self._text.append(data)

    def _start_group(self, tag: str, given: dict[str, str]) -> None:
        if tag == "Dataset":
            if self._groups or self.document.groups:
                raise FormatError("The sidecar has a Dataset inside another")
            version = next((v for k, v in given.items() if k.endswith(" version")), "")
            self.document.version = version
            path = "/"
        elif not self._groups or self._variable is not None:
            raise FormatError("The sidecar has a Group outside of a Dataset")
        else:
            path = self._member(_need(given, "name"))
        group = self.document.groups[path] = Group(path)
        self._groups.append(group)

    def _start_variable(self, tag: str, name: str) -> None:
        if not self._groups:
            raise FormatError("The sidecar has a variable outside of a Dataset")
        path = self._member(name)
        self._variable = self.document.variables[path] = Variable(path, tag)

    def _member(self, name: str) -> str:
        """The path of a new member of the group that is open."""
        group = self._groups[-1]
        path = f"{group.path.rstrip('/')}/{name}"
        if not name or "/" in name or path in self.document.groups:
            raise FormatError(f"The sidecar names a member {name!r}", path=group.path)
        if path in self.document.variables:
            raise FormatError("The sidecar has two members of one name", path=path)
        if len(group.members) >= self._limits.links:
            raise LimitExceededError("The sidecar has too many members", path=group.path)
        group.members.append(name)
        return path

    def _end_attribute(self) -> None:
        """An attribute inside of another belongs to it, and is not looked at."""
        attribute = self._attributes.pop()
        if self._attributes:
            return
        if self._variable is not None:
            self._variable.attributes.append(attribute)
        elif self._groups:
            self._groups[-1].attributes.append(attribute)

    def _start_place(self, tag: str, given: dict[str, str]) -> None:
        if self._variable is None:
            raise FormatError("The sidecar tells of chunks outside of a variable")
        if tag == "chunks":
            if self._variable.layout is not None:
                self._variable.others.append("chunks")  # a second time
            self._variable.layout = dict(given)
        elif tag == "chunk":
            self._chunks += 1
            if self._chunks > self._limits.chunks:
                raise LimitExceededError(f"The sidecar has more than {self._limits.chunks} chunks")
            self._variable.others += [key for key in given if key not in CHUNK_SAYS]
            position = given.get("chunkPositionInArray", "")
            said = ChunkSaid(_need(given, "offset"), _need(given, "nBytes"), position)
            self._variable.chunks.append(said)
        elif tag not in _TEXTS:
            self._variable.others.append(tag)

    def _end_place(self, tag: str) -> None:
        if self._variable is not None and tag in _TEXTS:
            _TEXTS[tag](self._variable, "".join(self._text).strip())


CHUNK_SAYS = frozenset({"offset", "nBytes", "chunkPositionInArray"})


def _set_sizes(variable: Variable, text: str) -> None:
    variable.chunk_sizes = text


def _set_compact(variable: Variable, text: str) -> None:
    if variable.compact is not None:
        variable.others.append("compact")  # a second time
    variable.compact = text


_TEXTS: dict[str, Callable[[Variable, str], None]] = {
    "chunkDimensionSizes": _set_sizes,
    "compact": _set_compact,
}


def _need(given: dict[str, str], name: str) -> str:
    try:
        return given[name]
    except KeyError:
        raise FormatError(f"The sidecar leaves out {name}") from None
