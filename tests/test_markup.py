"""HTML that strangers write, before pages show it."""

import re

import pytest

from resolvers.markup import sanitized

VECTORS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=x:alert(1) onerror=eval(src)>",
    '<img src="javascript:alert(1)">',
    '<img src="data:text/html;base64,PHNjcmlwdD4=">',
    '<img """><script>alert(1)</script>">',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href=' &#106;avascript:alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='https://x.example' onclick='alert(1)' style='position:fixed'>x</a>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'></object><embed src='javascript:alert(1)'>",
    "<form action='https://evil.example'><input name=card><button>Pay</button></form>",
    "<isindex action=javascript:alert(1) type=image>",
    "<body onload=alert(1)>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<style>*{background:url(javascript:alert(1))}</style>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<div style='width: expression(alert(1))'>x</div>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<video><source onerror=alert(1)></video><audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<template><script>alert(1)</script></template>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<p id=x class=y name=z onmouseover=alert(1)>x</p>",
    "</p><script>alert(1)</script><p>",
    "<textarea><img src=x onerror=alert(1)></textarea>",
    "<title><img src=x onerror=alert(1)></title>",
    "<xmp><p title='</xmp><script>alert(1)</script>'>",
]  # fmt: skip
TAG = re.compile(r"<\s*/?\s*([a-zA-Z][\w:-]*)([^>]*)>")
UNSAFE = re.compile(
    r"(^|\s)(on\w+|style|class|id|srcdoc|action|formaction|xlink:href)\s*=", re.IGNORECASE
)
SCHEME = re.compile(r'(?:href|src)="\s*([a-zA-Z][\w+.-]*):', re.IGNORECASE)


@pytest.mark.parametrize("html", VECTORS)
def test_nothing_that_runs_is_left(html: str) -> None:
    clean = sanitized(html)

    for name, attributes in TAG.findall(clean):
        assert name in {"a", "img", "p", "div", "table", "span", "b"}, clean
        assert UNSAFE.search(attributes) is None, clean
    assert {each.lower() for each in SCHEME.findall(clean)} <= {"http", "https"}, clean
    assert "<script" not in clean.lower()
    assert sanitized(clean) == clean


def test_what_people_write_stays() -> None:
    html = (
        '<h2>Why</h2><p>It <strong>holds</strong> &amp; <em>stays</em>.<br>See <a href="/sizes" '
        'rel="noopener noreferrer">sizes</a> or <a href="mailto:a@example.com" '
        'rel="noopener noreferrer">write</a>.</p><ul><li>One</li></ul>'
        '<img src="https://images.example/a.png" alt="A lamp" width="40" height="30">'
        '<table><tbody><tr><td colspan="2">1 &lt; 2</td></tr></tbody></table>'
    )

    assert sanitized(html) == html
    assert sanitized("plain text") == "plain text"
    assert sanitized("<blink>old</blink>") == "old"
