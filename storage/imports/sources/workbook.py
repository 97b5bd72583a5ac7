"""What a workbook says about its sheets: their names, the texts they share, and which numbers are days."""

import posixpath
import re
import zipfile
from typing import NoReturn
from xml.etree.ElementTree import Element, XMLParser
from xml.parsers import expat

from storage.imports.errors import ImportRefusedError

_BLOCK = 1 << 16
_DAY_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NOT_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]', re.IGNORECASE)
_DAY_CODE = re.compile(r"[dmyhs]", re.IGNORECASE)


def refuse_doctype(*_: object) -> NoReturn:
    """No workbook has document types; entities that explode do."""
    raise ImportRefusedError(
        "hostile_file", "The workbook's XML declares a document type.", "Save it again with Excel."
    )


class Workbook:
    """The parts of a package around its sheets. Raises `KeyError` where one is missing."""

    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package = package
        book = self._tree("xl/workbook.xml")
        targets = {
            one.get("Id"): one.get("Target", "") for one in self._tree("xl/_rels/workbook.xml.rels").iter()
        }
        self.sheets: dict[str, str] = {}
        """The part of each sheet by name, hidden ones last."""
        found = sorted(_named(book, "sheet"), key=lambda one: one.get("state", "visible") != "visible")
        for one in found:
            target = targets.get(next((one.get(key) for key in one.attrib if key.endswith("}id")), None), "")
            self.sheets[one.get("name", "")] = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
        self.starts_1904 = any(one.get("date1904") in ("1", "true") for one in _named(book, "workbookPr"))
        self._days = self._day_styles()
        self._strings = self._shared_strings()

    def choose(self, name: str | None) -> str:
        """The sheet of a name (however capitalized), by default the first visible one."""
        if not self.sheets:
            raise ImportRefusedError("no_sheet", "The workbook has no sheet.", "Save it again with Excel.")
        if name is None:
            return next(iter(self.sheets))
        for one in self.sheets:
            if one.casefold() == name.strip().casefold():
                return one
        listed = ", ".join(map(repr, self.sheets))
        raise ImportRefusedError("no_such_sheet", f"There is no sheet {name!r}.", f"Sheets are {listed}.")

    def part(self, sheet: str) -> str:
        """The name of a sheet's part in the package."""
        return self.sheets[sheet]

    def string(self, number: int) -> str | None:
        """A shared text."""
        return self._strings[number] if 0 <= number < len(self._strings) else None

    def is_day(self, style: int) -> bool:
        """Whether numbers of a style are shown as days or moments."""
        return style in self._days

    def _tree(self, part: str) -> Element:
        parser = XMLParser()  # noqa: S314 - expat refuses explosions, and document types are refused below
        with self._package.open(part) as content:
            while block := content.read(_BLOCK):
                if b"<!DOCTYPE" in block:
                    refuse_doctype()
                parser.feed(block)
        root: Element = parser.close()
        return root

    def _day_styles(self) -> frozenset[int]:
        try:
            styles = self._tree("xl/styles.xml")
        except KeyError:
            return frozenset()
        own = {
            int(one.get("numFmtId", 0))
            for one in _named(styles, "numFmt")
            if _DAY_CODE.search(
                _NOT_CODE.sub("", one.get("formatCode", "").split(";")[0]).replace("General", "")
            )
        }
        formats = [
            int(one.get("numFmtId", 0)) for group in _named(styles, "cellXfs") for one in _named(group, "xf")
        ]
        return frozenset(at for at, one in enumerate(formats) if one in own or one in _DAY_FORMATS)

    def _shared_strings(self) -> list[str]:
        part = "xl/sharedStrings.xml"
        if part not in self._package.namelist():
            return []
        reader = _StringsReader()
        with self._package.open(part) as content:
            while block := content.read(_BLOCK):
                reader.parser.Parse(block, False)
        reader.parser.Parse(b"", True)
        return reader.strings


class _StringsReader:
    """Collects the texts of a shared-strings part; a text may come in several formatted runs."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._text: list[str] = []
        self._takes = self._is_phonetic = False
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if name == "si":
            self._text = []
        elif name == "rPh":
            self._is_phonetic = True
        elif name == "t":
            self._takes = not self._is_phonetic

    def _end(self, tag: str) -> None:
        name = tag.rpartition("}")[2]
        if name == "si":
            self.strings.append("".join(self._text))
        elif name == "rPh":
            self._is_phonetic = False
        elif name == "t":
            self._takes = False

    def _data(self, text: str) -> None:
        if self._takes:
            self._text.append(text)


def _named(root: Element, name: str) -> list[Element]:
    return [one for one in root.iter() if one.tag.rpartition("}")[2] == name]
