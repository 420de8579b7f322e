"""The Han face of our PDFs: as many glyphs as a text needs, in the forms of the mainland."""

import io
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

PACKAGE, FILE = "cvttf_NotoSansCJK_Regular", "NotoSansCJKtc-Regular.otf"
"""Noto Sans CJK, under the SIL Open Font License, as a package of ours brings it; its default forms are Taiwan's."""


def han_face(texts: Iterable[str]) -> bytes:
    """An OpenType font of the characters of some texts."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    wanted = {ord(sign) for text in texts for sign in text}
    with TTFont(str(files(PACKAGE) / FILE), lazy=True) as font:
        forms = _mainland(font)
        for table in font["cmap"].tables:
            if table.isUnicode():
                for sign in wanted & table.cmap.keys():
                    table.cmap[sign] = forms.get(table.cmap[sign], table.cmap[sign])
        options = subset.Options()
        options.layout_features, options.name_IDs = [], [1, 2, 6, 13]
        options.drop_tables += ["GSUB", "GPOS", "BASE", "VORG", "vhea", "vmtx"]
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=wanted)
        cutter.subset(font)
        out = io.BytesIO()
        font.save(out)
    return out.getvalue()


_forms: dict[str, str] = {}


def _mainland(font: Any) -> dict[str, str]:
    """Which glyph stands for which in simplified Chinese: the font's own `locl` feature of that language."""
    if not _forms:
        table = font["GSUB"].table
        records = {
            index
            for script in table.ScriptList.ScriptRecord
            for language in script.Script.LangSysRecord
            if language.LangSysTag == "ZHS "
            for index in language.LangSys.FeatureIndex
        }
        features = [table.FeatureList.FeatureRecord[index] for index in records]
        for lookup in sorted({i for f in features if f.FeatureTag == "locl" for i in f.Feature.LookupListIndex}):
            for subtable in table.LookupList.Lookup[lookup].SubTable:
                _forms.update(getattr(getattr(subtable, "ExtSubTable", subtable), "mapping", {}))
    return _forms
