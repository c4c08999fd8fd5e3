"""Names that servers propose, and what is made of them."""

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arya_api_framework.streaming.file_names import propose_name, read_disposition, safe_name

# After the test cases for Content-Disposition of greenbytes.de, by their names there. Where a field
# is malformed and the cases leave it to the client, the name is read as far as it can be.
FIELDS = {
    "inlonly": ("inline", None),
    "inlonlyquoted": ('"inline"', None),
    "inlwithasciifilename": ('inline; filename="foo.html"', "foo.html"),
    "inlwithfnattach": ('inline; filename="Not an attachment!"', "Not an attachment!"),
    "inlwithasciifilenamepdf": ('inline; filename="foo.pdf"', "foo.pdf"),
    "attonly": ("attachment", None),
    "attonlyucase": ("ATTACHMENT", None),
    "attwithasciifilename24": (
        'attachment; filename="000000000000000000000000"',
        "000000000000000000000000",
    ),
    "attwithasciifnescapedchar": (r'attachment; filename="f\oo.html"', "foo.html"),
    "attwithasciifnescapedquote": (
        r'attachment; filename="\"quoting\" tested.html"',
        '"quoting" tested.html',
    ),
    "attwithquotedsemicolon": (
        'attachment; filename="Here\'s a semicolon;.html"',
        "Here's a semicolon;.html",
    ),
    "attwithfilenameandextparam": ('attachment; foo="bar"; filename="foo.html"', "foo.html"),
    "attwithfilenameandextparamescaped": (
        r'attachment; foo="\"\\";filename="foo.html"',
        "foo.html",
    ),
    "attwithasciifilenameucase": ('attachment; FILENAME="foo.html"', "foo.html"),
    "attwithasciifilenamenq": ("attachment; filename=foo.html", "foo.html"),
    "attwithtokfncommanq": ("attachment; filename=foo,bar.html", "foo,bar.html"),
    "attwithasciifilenamenqs": ("attachment; filename=foo.html ;", "foo.html"),
    "attemptyparam": ("attachment; ;filename=foo", "foo"),
    "attwithasciifilenamenqws": ("attachment; filename=foo bar.html", "foo bar.html"),
    "attwithfntokensq": ("attachment; filename='foo.bar'", "'foo.bar'"),
    "attwithisofnplain": ('attachment; filename="foo-\udce4.html"', "foo-ä.html"),
    "attwithutf8fnplain": ('attachment; filename="foo-ä.html"', "foo-ä.html"),
    "attwithfnrawpctenca": ('attachment; filename="foo-%41.html"', "foo-%41.html"),
    "attwithfnusingpct": ('attachment; filename="50%.html"', "50%.html"),
    "attwithfnrawpctencaq": (r'attachment; filename="foo-%\41.html"', "foo-%41.html"),
    "attwithnamepct": ('attachment; name="foo-%41.html"', None),
    "attwithfilenamepctandiso": ('attachment; filename="ä-%41.html"', "ä-%41.html"),
    "attwithfnrawpctenclong": (
        'attachment; filename="foo-%c3%a4-%e2%82%ac.html"',
        "foo-%c3%a4-%e2%82%ac.html",
    ),
    "attwithasciifilenamews1": ('attachment; filename ="foo.html"', "foo.html"),
    "attwith2filenames": ('attachment; filename="foo.html"; filename="bar.html"', "foo.html"),
    "attfnbrokentoken": ("attachment; filename=foo[1](2).html", "foo[1](2).html"),
    "attfnbrokentokeniso": ("attachment; filename=foo-\udce4.html", "foo-ä.html"),
    "attfnbrokentokenutf": ("attachment; filename=foo-ä.html", "foo-ä.html"),
    "attmissingdisposition": ("filename=foo.html", "foo.html"),
    "attmissingdisposition2": ("x=y; filename=foo.html", "foo.html"),
    "attmissingdisposition3": ('"foo; filename=bar;baz"; filename=qux', "qux"),
    # One field for two, which no rule tells apart.
    "attmissingdisposition4": (
        "filename=foo.html, filename=bar.html",
        "foo.html, filename=bar.html",
    ),
    "emptydisposition": ("; filename=foo.html", "foo.html"),
    "doublecolon": (": inline; attachment; filename=foo.html", "foo.html"),
    "attandinline": ("inline; attachment; filename=foo.html", "foo.html"),
    "attbrokenquotedfn": ('attachment; filename="foo.html".txt', "foo.html"),
    "attbrokenquotedfn2": ('attachment; filename="bar', "bar"),
    "attbrokenquotedfn3": ('attachment; filename=foo"bar;baz"qux', 'foo"bar'),
    "attmultinstances": (
        "attachment; filename=foo.html, attachment; filename=bar.html",
        "foo.html, attachment",
    ),
    "attmissingdelim": ("attachment; foo=foo filename=bar", None),
    "attreversed": ("filename=foo.html; attachment", "foo.html"),
    "attconfusedparam": ("attachment; xfilename=foo.html", None),
    "attabspath": ('attachment; filename="/foo.html"', "/foo.html"),
    "attabspathwin": (r'attachment; filename="\\foo.html"', r"\foo.html"),
    "attcdate": (
        'attachment; creation-date="Wed, 12 Feb 1997 16:29:51 -0500"; filename=a',
        "a",
    ),
    "dispext": ("foobar", None),
    "dispextbadfn": (r'attachment; example="filename=example.txt"', None),
    "attwithisofn2231iso": ("attachment; filename*=iso-8859-1''foo-%E4.html", "foo-ä.html"),
    "attwithfn2231utf8": (
        "attachment; filename*=UTF-8''foo-%c3%a4-%e2%82%ac.html",
        "foo-ä-€.html",
    ),
    "attwithfn2231noc": ("attachment; filename*=''foo-%c3%a4-%e2%82%ac.html", None),
    "attwithfn2231utf8comp": ("attachment; filename*=UTF-8''foo-a%cc%88.html", "foo-a\u0308.html"),
    "attwithfn2231iso-bad": (
        "attachment; filename*=iso-8859-1''foo-%c3%a4-%e2%82%ac.html",
        "foo-Ã¤-â\x82¬.html",
    ),
    "attwithfn2231utf8-bad": ("attachment; filename*=utf-8''foo-%E4.html", None),
    "attwithfn2231ws1": ("attachment; filename *=UTF-8''foo-%c3%a4.html", None),
    "attwithfn2231ws2": ("attachment; filename*= UTF-8''foo-%c3%a4.html", "foo-ä.html"),
    "attwithfn2231ws3": ("attachment; filename* =UTF-8''foo-%c3%a4.html", "foo-ä.html"),
    "attwithfn2231quot": ("attachment; filename*=\"UTF-8''foo-%c3%a4.html\"", None),
    "attwithfn2231quot2": ('attachment; filename*="foo%20bar.html"', None),
    "attwithfn2231singleqmissing": ("attachment; filename*=UTF-8'foo-%c3%a4.html", None),
    "attwithfn2231nbadpct1": ("attachment; filename*=UTF-8''foo%", None),
    "attwithfn2231nbadpct2": ("attachment; filename*=UTF-8''f%oo.html", None),
    "attwithfn2231dpct": ("attachment; filename*=UTF-8''A-%2541.html", "A-%41.html"),
    "attwithfn2231abspathdisguised": ("attachment; filename*=UTF-8''%5cfoo.html", r"\foo.html"),
    "attfncont": ('attachment; filename*0="foo."; filename*1="html"', None),
    "attfnboth": (
        "attachment; filename=\"foo-ae.html\"; filename*=UTF-8''foo-%c3%a4.html",
        "foo-ä.html",
    ),
    "attfnboth2": (
        "attachment; filename*=UTF-8''foo-%c3%a4.html; filename=\"foo-ae.html\"",
        "foo-ä.html",
    ),
    "attfnboth3": (
        "attachment; filename*0*=ISO-8859-15''a; filename*=ISO-8859-1''currency-sign%3d%a4",
        "currency-sign=¤",
    ),
    "attnewandfn": ('attachment; foobar=x; filename="foo.html"', "foo.html"),
    "attrfc2047token": (
        "attachment; filename==?ISO-8859-1?Q?foo-=E4.html?=",
        "=?ISO-8859-1?Q?foo-=E4.html?=",
    ),
    "attrfc2047quoted": (
        'attachment; filename="=?ISO-8859-1?Q?foo-=E4.html?="',
        "=?ISO-8859-1?Q?foo-=E4.html?=",
    ),
    "bad extended, good plain": (
        "attachment; filename*=UTF-8''f%oo.html; filename=good.html",
        "good.html",
    ),
    "another charset": ("attachment; filename*=shift_jis''%83%65.html; filename=a", "a"),
    "a language": ("attachment; filename*=UTF-8'en-US'%e2%82%ac%20rates", "€ rates"),
    "an escaped end": (r'attachment; filename="foo\"', 'foo"'),
    "only a quote": ('attachment; filename="', ""),
    "empty": ("", None),
}


@pytest.mark.parametrize(("field", "name"), FIELDS.values(), ids=FIELDS.keys())
def test_disposition(field: str, name: str | None) -> None:
    """The name stands there as the rules of RFC 6266 and RFC 8187 say."""
    assert read_disposition(field) == name


NAMES = [
    ("report.pdf", "report.pdf"),
    ("  report.pdf  ", "report.pdf"),
    ("Übersicht 2026.pdf", "Übersicht 2026.pdf"),
    ("a\u0308.txt", "ä.txt"),
    # Paths of either system.
    ("/etc/passwd", "passwd"),
    ("../../evil", "evil"),
    ("..\\..\\evil.exe", "evil.exe"),
    ("\\\\host\\share\\evil", "evil"),
    ("C:\\Windows\\evil.dll", "evil.dll"),
    ("C:evil.dll", "evil.dll"),
    ("evil.txt:stream", "evil.txt_stream"),
    ("folder/", "folder"),
    ("folder/..", "folder"),
    # Nothing.
    ("", ""),
    (".", ""),
    ("..", ""),
    (". .", ""),
    ("...", ""),
    ("/", ""),
    ("C:", ""),
    ("C:..", ""),
    # Hidden ones, and what Windows drops.
    (".bashrc", "_bashrc"),
    ("..evil", "_evil"),
    ("name. . ", "name"),
    ("name.txt...", "name.txt"),
    ("name\u3000", "name"),
    # What is not seen, changes the direction, or has no place in a name.
    ("a\0b", "a_b"),
    ("a\r\nb", "a__b"),
    ("a\x1b[31mb", "a_[31mb"),
    ("a\x85b", "a_b"),
    ("gpj.\u202eexe.txt", "gpj._exe.txt"),
    ("a\u200bb", "a_b"),
    ("\ufeffname", "_name"),
    ("a\u2028b", "a_b"),
    ("a\udce4b", "a_b"),
    ("a\ue000b", "a_b"),
    ("a\ufffdb", "a_b"),
    ('a<b>c"d|e?f*g', "a_b_c_d_e_f_g"),
    # Devices of Windows.
    ("CON", "_CON"),
    ("con", "_con"),
    ("nul.txt", "_nul.txt"),
    ("nul .txt", "_nul .txt"),
    ("aux.tar.gz", "_aux.tar.gz"),
    ("COM1", "_COM1"),
    ("com¹.log", "_com¹.log"),
    ("LPT9:", "LPT9_"),
    ("CONIN$", "_CONIN$"),
    ("console.txt", "console.txt"),
    ("com10", "com10"),
    # Long ones.
    ("a" * 255, "a" * 255),
    ("a" * 256, "a" * 255),
    ("a" * 300 + ".tar", "a" * 251 + ".tar"),
    ("ä" * 200 + ".txt", "ä" * 125 + ".txt"),
    ("𝄞" * 100, "𝄞" * 63),
    ("a" * 10 + "." + "b" * 300, "a" * 10 + "." + "b" * 244),
    ("a" * 250 + " " * 10 + ".txt", "a" * 250 + ".txt"),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_safe_name(text: str, name: str) -> None:
    """A name is that of a file in the folder, and of no other."""
    assert safe_name(text) == name


PROPOSED = [
    ('attachment; filename="a.txt"', "https://api.test/b", "a.txt"),
    (None, "https://api.test/files/b.txt?c=d", "b.txt"),
    (None, "https://api.test/files/%C3%BC%20b.txt", "ü b.txt"),
    (None, "https://api.test/files/%2e%2e%2fetc%2fpasswd", "passwd"),
    (None, "https://api.test/files/%E4.txt", "_.txt"),
    (None, "https://api.test/", "download"),
    (None, "https://api.test", "download"),
    (None, "https://api.test/%2e%2e", "download"),
    ('attachment; filename=".."', "https://api.test/b", "b"),
    ('attachment; filename=""', "https://api.test/..", "download"),
    ("attachment", "https://api.test/b", "b"),
]


@pytest.mark.parametrize(("field", "url", "name"), PROPOSED)
def test_propose_name(field: str | None, url: str, name: str) -> None:
    """Where the field has no name, the URL does, and there is always one."""
    assert propose_name(field, url) == name


DEVICES = {"CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$"}
DEVICES |= {f"{kind}{number}" for kind in ("COM", "LPT") for number in "0123456789¹²³"}
ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("/\\:.% \"';=*\0\t\r\n\u202e\u200b\udce4aA1"),
    ),
    max_size=400,
)


@settings(deadline=None)
@given(st.one_of(ODD, st.builds("attachment; filename{}={}".format, st.sampled_from("* "), ODD)))
@example("attachment; filename=\ud800\udce4")
def test_any_name_is_safe(text: str) -> None:
    """Whatever comes, it is a name on both systems, and stays what it is."""
    for name in (propose_name(text, "https://api.test/"), safe_name(text) or "empty"):
        assert 1 <= len(name.encode()) <= 255
        assert name not in (".", "..")
        assert not set(name) & set('/\\:*?"<>|\0')
        assert name[0] != "."
        assert name == name.rstrip(". ")
        assert {unicodedata.category(one)[0] for one in name} <= {"L", "M", "N", "P", "S", "Z"}
        assert PurePosixPath(name).name == name
        windows = PureWindowsPath("C:\\folder", name)
        assert (windows.name, windows.parent) == (name, PureWindowsPath("C:\\folder"))
        assert name.partition(".")[0].rstrip().upper() not in DEVICES
        assert safe_name(name) == name
