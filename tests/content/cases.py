"""For each rule a mail that breaks it, and one that nearly does."""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]


def eml(head: str = "", body: str = "Hello", **fields: str) -> Given:
    """A message with the usual fields; `fields` add to them or replace them."""
    lines = {
        "From": "Shop <news@shop.example>",
        "To": "ann@example.net",
        "Subject": "Your plants are ready",
        **fields,
    }
    shown = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value)
    return {"message": f"{shown}{head}\r\n{body}".encode()}


def page(body: str, head: str = "", **more: Any) -> Given:
    return {"html": f"<html lang='en'><head>{head}</head><body>{body}</body></html>", **more}


HTML_PART = {"Content_Type": "text/html; charset=utf-8"}
ALTERNATIVE = {"Content_Type": "multipart/alternative; boundary=b"}
STORY = "We have kept three of each of these plants for you until Friday, all grown within miles of the shop."


def both(text: str, html: str) -> Given:
    parts = [f"Content-Type: text/plain\r\n\r\n{text}\r\n", f"Content-Type: text/html\r\n\r\n{html}\r\n"]
    return eml(body="--b\r\n" + "--b\r\n".join(parts) + "--b--\r\n", **ALTERNATIVE)


def plain(charset: str, body: bytes) -> Given:
    head = f"From: a@b.example\nSubject: x\nContent-Type: text/plain{charset and '; charset='}{charset}\n\n"
    return {"message": head.encode() + body}


def attached(name: str, size: int = 10) -> Given:
    parts = ["Content-Type: text/plain\r\n\r\nHello\r\n"]
    parts += [
        f'Content-Type: x/y\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n{"a" * size}\r\n'
    ]
    return eml(body="--b\r\n" + "--b\r\n".join(parts) + "--b--\r\n", Content_Type="multipart/mixed; boundary=b")


HIDDEN = "<div style='display:none'>Twenty kinds are new this year.</div>"
BUTTON = "padding:12px;background:#1a5fb4"

#: rule → (mails that break it, mails that nearly do)
CASES: dict[str, tuple[list[Given], list[Given]]] = {
    "subject-missing": ([{"subject": " "}, eml(Subject="")], [{"subject": "?"}]),
    "subject-too-long": ([{"subject": "a" * 71}], [{"subject": "a" * 70}]),
    "subject-cut-on-phone": ([{"subject": "a" * 51}], [{"subject": "a" * 50}, {"subject": "a" * 71}]),
    "subject-too-short": ([{"subject": "Sale"}], [{"subject": "Our sale"}, {"subject": "新商品のご案内"}]),
    "subject-all-caps": (
        [{"subject": "YOUR ORDER IS HERE"}, {"subject": "The LAST EVER GREAT sale"}],
        [{"subject": "NASA and ESA news"}, {"subject": "SALE: 20 %"}, {"subject": "Your ORDER is HERE"}],
    ),
    "subject-excess-punctuation": (
        [{"subject": "Really?!"}, {"subject": "New! Fresh! Yours!"}, {"subject": "Look!!"}],
        [{"subject": "Really? Yes!"}, {"subject": "And then… it was spring"}],
    ),
    "subject-many-symbols": (
        [{"subject": "★ ✦ ◆ for you ◆"}, {"subject": "F R E E S T U F F"}],
        [{"subject": "20 % off & free shipping + a gift"}, {"subject": "A B testing for shops"}],
    ),
    "subject-fake-reply": (
        [
            {"subject": "Re: your order"},
            {"subject": "FWD: look"},
            {"subject": "AW: Angebot"},
            eml(Subject="Re: hello you"),
        ],
        [{"subject": "Regarding your order"}, eml(Subject="Re: hello you", In_Reply_To="<1@example.net>")],
    ),
    "subject-excess-emoji": ([{"subject": "🌱🌷🌻 are here"}], [{"subject": "🌱 are here 🌷"}]),
    "subject-spam-wording": (
        [{"subject": "Make money at home"}, {"subject": "Hurry, limited time"}],
        [{"subject": "Hurry up, spring"}, {"subject": "Don't make moneyboxes"}],
    ),
    "subject-merge-field": (
        [
            eml(Subject="Hi {{ first_name }}"),
            eml(Subject="Hi *|FNAME|*"),
            eml(Subject="Hi %%first_name%%"),
            {"subject": "[[name]], hello"},
        ],
        [{"subject": "{{ name | default('You') }}, hello"}, eml(Subject="Hi {Ann}, 100%% yours")],
    ),
    "subject-not-personalised": (
        [{"subject": "Our new plants"}],
        [{"subject": "{{ name }}, our new plants"}, eml()],
    ),
    "subject-disguised": (
        [
            {"subject": "Your p\u0430ypal account"},
            {"subject": "fr\u200bee plants"},
            {"subject": "plants \u202egnp.exe"},
        ],
        [{"subject": "Привет, Ann"}, {"subject": "می\u200cخواهم گل بخرم"}, {"subject": "👩\u200d🌾 plants"}],
    ),
    "subject-not-encoded": (
        [{"message": "From: a@b.example\nTo: c@d.example\nSubject: Grüße\n\nhi".encode()}],
        [eml(Subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=")],
    ),
    "preheader-missing": (
        [page("<p>Hello you</p>"), {"subject": "x", "preheader": " "}],
        [page(HIDDEN + "<p>Hello you</p>")],
    ),
    "preheader-boilerplate": (
        [page("<a href='#'>View in browser</a>"), {"subject": "x", "preheader": "Unsubscribe here"}],
        [page("<p>Hello</p><a href='#'>View in browser</a>"), page("<p>Browse the new view</p>")],
    ),
    "preheader-too-short": (
        [{"subject": "x", "preheader": "a" * 29}],
        [{"subject": "x", "preheader": "a" * 30}],
    ),
    "preheader-too-long": (
        [{"subject": "x", "preheader": "a" * 141}],
        [{"subject": "x", "preheader": "a" * 140}],
    ),
    "preheader-repeats-subject": (
        [
            {"subject": "Our new plants!", "preheader": "our new plants"},
            {"subject": "Our new plants", "preheader": "Our new plants are here"},
        ],
        [{"subject": "Our new plants", "preheader": "Twenty of our new plants"}],
    ),
    "preheader-merge-field": (
        [
            {"subject": "x", "preheader": "Hi {{ name }}"},
            eml(body="<p style='display:none'>Hi *|NAME|*</p>", **HTML_PART),
        ],
        [{"subject": "x", "preheader": "Hi {{ name | default('you') }}"}],
    ),
    "html-clipped-by-gmail": (
        [page("a" * 102_001), page("ü" * 25_000)],  # six characters each, as quoted-printable
        [page("a" * 99_000)],
    ),
    "text-part-missing": (
        [eml(body="<p>Hi</p>", **HTML_PART), both("", "<p>Hi</p>")],
        [both("Hi", "<p>Hi</p>"), page("Hi")],
    ),
    "text-part-differs": (
        [both("Lorem ipsum dolor sit amet", f"<p>{STORY}</p>")],
        [both(STORY, f"<p>{STORY} And more.</p>"), both("See you", "<p>Hello there</p>")],
    ),
    "body-empty": (
        [page("<p>&nbsp;</p>"), {"text": "  \n"}, eml(Content_Type="application/pdf", body="%PDF")],
        [page("<img src='a.png'>"), {"subject": "Only a subject"}],
    ),
    "body-merge-field": (
        [
            eml(body="<p>Dear {{ name }}</p>", **HTML_PART),
            eml(body="Dear %%name%%"),
            eml(body="<a href='{{ url }}'>x</a>", **HTML_PART),
        ],
        [page("<p>Dear {{ name }}</p>"), eml(body="{ name: 'Ann' } 50% of *|all")],
    ),
    "body-spam-wording": (
        [page("<p>Act now! Risk free. You have won a cash bonus.</p>")],
        [page("<p>Act now, while supplies last.</p>")],
    ),
    "charset-wrong": (
        [plain("utf-8", b"Gr\xfc\xdfe"), plain("klingon", b"hi")],
        [plain("iso-8859-1", b"Gr\xfc\xdfe")],
    ),
    "charset-missing": ([plain("", "Grüße".encode())], [plain("", b"hello")]),
    "line-too-long": ([eml(body="a" * 999)], [eml(body="a" * 998)]),
    "image-without-alt": (
        [page("<img src='a.png'>"), page("<a href='https://x.example'><img src='a.png' alt=''></a>")],
        [
            page("<img src='a.png' alt=''>"),
            page("<a href='https://x.example'><img src='a.png' alt=''> Our shop</a>"),
            page("<img src='o.gif' width=1 height=1>"),
        ],
    ),
    "image-alt-useless": (
        [page("<img src='a.png' alt='image'>"), page("<img src='a.png' alt='hero_2.jpg'>")],
        [page("<img src='a.png' alt='Logo of Garden Shop'>")],
    ),
    "image-without-width": (
        [page("<img src='a.png'>"), page("<img src='a.png' style='width:20px'>")],
        [page("<img src='a.png' width='100%'>"), page("<img src='a.png' width=20>")],
    ),
    "images-instead-of-text": (
        [page("<img src='a.png'>Buy"), page("<img src=a>" * 6 + "a" * 150)],
        [page("<img src='a.png'>" + STORY), page("Only words")],
    ),
    "tracking-pixel": (
        [page("<img src='o.gif' width=1 height=1>"), page("<img src='o.gif' style='width:1px;height:1px'>")],
        [page("<img src='line.gif' width=600 height=1>")],
    ),
    "background-image": (
        [
            page("<td background='a.png'>"),
            page("<p style='background:url(a.png)'>x"),
            page("x", head="<style>p{background-image:url(a)}</style>"),
        ],
        [page("<td bgcolor='#fff'>"), page("<p style='background:#fff'>x")],
    ),
    "image-as-data": ([page("<img src='data:image/png;base64,AAAA'>")], [page("<img src='cid:data'>")]),
    "image-format-unsupported": (
        [page("<img src='https://x.example/a.webp?v=1'>"), page("<img src='a.SVG'>")],
        [page("<img src='https://x.example/webp.png'>")],
    ),
    "image-source-unreachable": (
        [
            page("<img src='images/../a'><img src='a.png'>"),
            page("<img src='C:\\pictures\\a.png'>"),
            page("<img>"),
            page("<img src='http://localhost:8000/a.png'>"),
        ],
        [
            page("<img src='//cdn.example/a.png'>"),
            page("<img src='cid:a.png'>"),
            page("<img src='{{ picture }}'>"),
        ],
    ),
    "viewport-missing": ([page("x")], [page("x", head="<meta name='viewport' content='width=device-width'>")]),
    "too-wide-for-phone": (
        [page("<table width=700><td>x"), page("<table width=600><td>x"), page("<div style='width:641px'>x")],
        [
            page("<table width='100%' style='max-width:600px'><td>x"),
            page(
                "<table width=600><td>x",
                head="<style>@media only screen and (max-width:600px){table{width:100%}}</style>",
            ),
            page("<img width=1200 style='max-width:100%'>"),
        ],
    ),
    "font-too-small": (
        [
            page("<p style='font-size:13px'>Small words"),
            page("<font size=1>Small words"),
            page("<p style='font:9pt Arial'>Small words"),
        ],
        [
            page("<p style='font-size:14px'>Words"),
            page("<div style='font-size:20px'><p style='font-size:80%'>Words"),
        ],
    ),
    "contrast-low": (
        [
            page("<p style='color:#777'>Grey words"),
            page("<td bgcolor='#336699'><font color='#6699cc'>Blue words"),
            page("<p class=a>x y", head="<style>.a{color:#999}</style>"),
        ],
        [
            page("<p style='color:#767676'>Grey words"),  # 4.54:1
            page("<h1 style='color:#949494'>Large words"),  # 3.03:1
            page("<a href='#' style='font-size:14px'>A client's own colour"),
        ],
    ),
    "language-missing": ([{"html": "<html><p>x"}, {"html": "<p>x"}], [page("x")]),
    "title-missing": (
        [page("x"), page("x", head="<title> </title>")],
        [page("x", head="<title>Plants</title>")],
    ),
    "table-without-role": (
        [page("<table><td>x"), page("<table role=presentation><td><table><td>x")],
        [page("<table role='presentation'><td>x"), page("<table><tr><th>Item<th>Price<tr><td>a<td>b</table>")],
    ),
    "stylesheet-external": (
        [
            page("x", head="<link rel=stylesheet href=a.css>"),
            page("x", head="<style>@import url(a.css);</style>"),
        ],
        [page("x", head="<link rel=icon href=a.png><style>p{color:red}</style>")],
    ),
    "script-in-mail": (
        [page("<script>x()</script>"), page("<p onclick='x()'>x")],
        [page("<script type='application/ld+json'>{}</script>"), page("<p once='x'>x")],
    ),
    "form-in-mail": (
        [page("<form><input></form>"), page("<input type=password>")],
        [page("<p>form</p><button>x</button>")],
    ),
    "frame-in-mail": (
        [page("<iframe src='https://x.example'></iframe>"), page("<object data=a></object>")],
        [page("<div>x")],
    ),
    "video-in-mail": ([page("<video src=a.mp4></video>")], [page("<img src=video.gif>")]),
    "css-unsupported": (
        [
            page("<p style='display:flex'>x"),
            page("x", head="<style>p{position : absolute}</style>"),
            page("<p style='color:var(--a)'>x"),
            page("x", head="<style>@font-face{}</style>"),
        ],
        [
            page("<p style='display:block;position:static;box-shadow:none'>x"),
            page("x", head="<style>p{background-position:0 0}</style>"),
        ],
    ),
    "link-missing": (
        [page("<p>x</p>"), {"text": "no address"}],
        [page("<a href='https://x.example'>x</a>"), {"text": "https://x.example"}],
    ),
    "links-too-many": (
        [page("<a href='https://x.example'>x</a>" * 41)],
        [page("<a href='https://x.example'>x</a>" * 40)],
    ),
    "link-shortened": (
        [page("<a href='https://bit.ly/x'>x</a>"), {"text": "see http://tinyurl.com/x."}],
        [page("<a href='https://rabbit.ly/x'>x</a>"), page("<a href='https://x.example/bit.ly'>x</a>")],
    ),
    "link-to-ip-address": (
        [
            page("<a href='http://192.0.2.1/x'>x</a>"),
            page("<a href='http://3221225985/'>x</a>"),
            page("<a href='http://[2001:db8::1]/'>x</a>"),
        ],
        [page("<a href='http://192.0.2.1.example/x'>x</a>")],
    ),
    "link-not-https": (
        [page("<a href='HTTP://x.example'>x</a>")],
        [page("<a href='https://x.example?u=http://y'>x</a>"), page("<a href='mailto:a@b.example'>x</a>")],
    ),
    "link-text-of-another-host": (
        [
            page("<a href='https://evil.example/x'>www.paypal.com</a>"),
            page("<a href='https://evil.example/x'>https://shop.example/login</a>"),
        ],
        [
            page("<a href='https://www.shop.example/x'>shop.example</a>"),
            page("<a href='https://click.paypal.com/x'>www.paypal.com</a>"),
            page("<a href='https://x.example'>See e.g. our list</a>"),
        ],
    ),
    "link-to-foreign-host": (
        [eml(body="<a href='https://other.example/x'>x</a>", **HTML_PART)],
        [eml(body="<a href='https://click.shop.example/x'>x</a>", **HTML_PART)],
    ),
    "link-broken": (
        [
            page("<a href='#'>x</a>"),
            page("<a href='#a'>x</a><p id=b>"),
            page("<a href='http:///x'>x</a>"),
            page("<a href='www.x.example'>x</a>"),
            page("<a href='https://x.example/a b'>x</a>"),
        ],
        [
            page("<a href='#a'>x</a><p id=a>"),
            page("<a href='{{ url }}'>x</a>"),
            page("<a href='tel:+123'>x</a>"),
            page("<a href='#top'>x</a>"),
            page("<a href='https://{{ host }}/'>x</a>"),
        ],
    ),
    "link-with-script": (
        [page("<a href=' JavaScript:x()'>x</a>"), page("<a href='file:///c:/a'>x</a>")],
        [page("<a href='https://x.example/javascript:x'>x</a>")],
    ),
    "link-text-vague": (
        [page("<a href='https://x.example'>Click here!</a>"), page("<a href='https://x.example'></a>")],
        [
            page("<a href='https://x.example'>Click here for the list</a>"),
            page("<a href='https://x.example'><img src=a alt=''></a>"),
        ],
    ),
    "link-host-disguised": (
        [
            page("<a href='https://p\u0430ypal.example'>x</a>"),
            page("<a href='https://xn--pypal-4ve.example'>x</a>"),
            page("<a href='https://paypal.com@evil.example/'>x</a>"),
        ],
        [page("<a href='https://bücher.example'>x</a>"), page("<a href='https://x.example/@ann'>x</a>")],
    ),
    "call-to-action-missing": (
        [
            page("<p>Words</p>"),
            page("<a href='https://x.example'>Our plants</a>"),
            page("<a href='#'>Start to unsubscribe</a>"),
        ],
        [
            page("<a href='https://x.example'>See our plants</a>"),
            page(f"<a href='https://x.example' style='{BUTTON}'>Our plants</a>"),
        ],
    ),
    "calls-to-action-many": (
        [page("".join(f"<a href='https://x.example/{n}' style='{BUTTON}'>Buy {n}</a>" for n in range(4)))],
        [page("".join(f"<a href='https://x.example/{n % 3}' style='{BUTTON}'>Buy {n}</a>" for n in range(4)))],
    ),
    "unsubscribe-link-missing": (
        [
            page("<a href='https://x.example'>Our plants</a>"),
            page("<p>To unsubscribe, write to us</p>"),
            page("<a href='https://x.example' style='display:none'>Unsubscribe</a>x"),
        ],
        [
            page("<a href='https://x.example'>Unsubscribe</a>"),
            page("<a href='https://x.example'>Newsletter abbestellen</a>"),
            page("<a href='*|UNSUB|*'>Leave</a>"),
            {"text": "Unsubscribe: https://x.example/u"},
            eml(body="Thank you for your question", In_Reply_To="<1@example.net>"),
        ],
    ),
    "unsubscribe-link-inconspicuous": (
        [
            page("<a href='https://x.example' style='font-size:8px'>Unsubscribe</a>"),
            page("<a href='https://x.example'><img src=a alt=Unsubscribe></a>"),
        ],
        [page("<a href='https://x.example' style='font-size:12px'>Unsubscribe</a>")],
    ),
    "list-unsubscribe-missing": (
        [eml()],
        [eml(List_Unsubscribe="<https://x.example/u>"), eml(In_Reply_To="<1@example.net>")],
    ),
    "list-unsubscribe-not-one-click": (
        [
            eml(List_Unsubscribe="<https://x.example/u>"),
            eml(List_Unsubscribe="<mailto:u@x.example>", List_Unsubscribe_Post="List-Unsubscribe=One-Click"),
            eml(List_Unsubscribe="<https://x.example/u>", List_Unsubscribe_Post="One-Click"),
        ],
        [
            eml(
                List_Unsubscribe="<mailto:u@x.example>, <https://x.example/u>",
                List_Unsubscribe_Post="List-Unsubscribe=One-Click",
            ),
            eml(),
        ],
    ),
    "postal-address-missing": (
        [
            page("<p>Yours, the shop</p>"),
            {"text": "Order 123456 is on its way"},
            page("<p>In 2026 we place 300 plants a day</p>" + STORY),
        ],
        [
            page("<p>Shop Ltd, 1 Garden Street, Springfield, IL 62701</p>"),
            page("<p>Laden GmbH, Gartenstraße 1, 10115 Berlin</p>"),
            {"text": "Shop Ltd, 1 Garden Road, London SW1A 1AA"},
            page("<p>*|LIST:ADDRESS|*</p>"),
        ],
    ),
    "text-hidden": (
        [
            page("<p>Shown</p><p style='font-size:0'>Many words for filters alone to read</p>"),
            page("<p>Shown</p><p style='display:none'>Many words for filters alone</p>"),
        ],
        [page(HIDDEN + "<p>Shown</p>"), page("<p>Shown</p><p style='display:none'>short</p>")],
    ),
    "text-invisible": (
        [
            page("<p style='color:#ffffff'>White words"),
            page("<td bgcolor=black><font color='#000'>Black words"),
            page("<p style='color:#fefefe'>Nearly white words"),
        ],
        [
            page("<td bgcolor=black><font color='#fff'>White words"),
            page("<p style='color:#ccc'>Grey words"),
            page("<p style='color:#fff'>White words", head="<style>.dark p{background:#000}</style>"),
        ],
    ),
    "zero-width-in-words": (
        [page("<p>fr\u200bee"), {"text": "fr\u2060ee"}],
        [page("<p>word\u200b \u200bword"), page("<p>Donau\u00addampf"), page("<p>می\u200cخواهم")],
    ),
    "mixed-scripts-in-words": (
        [page("<p>p\u0430ypal"), {"text": "fr\u0435e"}],
        [page("<p>Москва and Paris"), page("<p>10 µm and 5 Ω")],
    ),
    "subject-unfilled": (
        [
            {"subject": "Hi , your order"},
            {"subject": "Dear null, welcome"},
            {"subject": ", your cart is waiting"},
            eml(Subject="Order #undefined has shipped"),
        ],
        [
            {"subject": "Hi, your order"},
            {"subject": "Hi {{ name }}, your order"},
            {"subject": "Null Euro Versand"},
            {"subject": "Hello, none of these is left"},
        ],
    ),
    "preheader-unfilled": (
        [
            {"subject": "x", "preheader": "Hello undefined, new in"},
            page("<p style='display:none'>Hi , new in</p><p>Shown"),
        ],
        [{"subject": "x", "preheader": "Hello, new in"}, page("<p>Hi , shown, and so told of the body")],
    ),
    "body-unfilled": (
        [
            page("<p>Hi <b></b>,</p><p>new in"),
            page("<p>Hello null,<br>new in"),
            {"text": "Dear None,\n\nnew in"},
            page("<p>It costs $NaN now"),
        ],
        [
            page("<p>Hi<br>, and more"),
            page("<p>Hi <b>Ann</b> , new in"),
            page("<p>Hi {{ name }} , new in"),
            page("<p style='display:none'>Hi , x</p>"),
        ],
    ),
    "body-paragraph-long": (
        [page(f"<p>{'word ' * 150}</p>"), {"text": "word " * 150}, page(f"<p>{'字' * 351}</p>")],
        [
            page(f"<p>{'word ' * 100}</p><p>{'word ' * 100}</p>"),
            page(f"<td>{'word ' * 100}<br><br>{'word ' * 100}</td>"),
            {"text": f"{'word ' * 100}\n\n{'word ' * 100}"},
        ],
    ),
    "touch-target-small": (
        [
            page("<a href='https://x.example' style='padding:0;display:inline-block;background:#123'>Go</a>"),
            page("<a href='https://x.example' style='padding:2px;font-size:14px;background:#123'>Go</a>"),
            page("<a href='https://x.example' style='padding:8px;background:#123'>A note only</a>"),
        ],
        [
            page("<a href='https://x.example' style='padding:14px 2px;background:#123'>Go</a>"),
            page(
                "<td bgcolor='#123' style='padding:14px'><a href='https://x.example' style='padding:0'>Go</a>"
            ),
            page("<a href='https://x.example' style='height:44px;padding:0;background:#123'>Go</a>"),
            page("<a href='https://x.example'>Go in a text</a>"),
        ],
    ),
    "dark-mode-unprepared": (
        [
            page("<p>x"),
            page("<td bgcolor='#fff'>Black on white", head="<meta name='color-scheme' content='light dark'>"),
        ],
        [
            page("<p>x", head="<meta name='color-scheme' content='light dark'>"),
            page(
                "<td bgcolor='#fff' style='color:#333'>x", head="<meta name=color-scheme content='light dark'>"
            ),
            page("<td bgcolor='#fff'>x", head="<meta name=color-scheme content='light'>"),
            page(
                "<td bgcolor='#fff'>x", head="<style>@media (prefers-color-scheme:dark){td{color:#000}}</style>"
            ),
        ],
    ),
    "call-to-action-image": (
        [page("<a href='https://x.example'><img src='a.png' alt='Buy now'></a>")],
        [
            page("<a href='https://x.example'><img src='a.png' alt='Our shop'></a>"),
            page(
                "<a href='https://x.example'><img src='a.png' alt='Buy now'></a><a href='https://x.example'>Buy</a>"
            ),
        ],
    ),
    "body-unreadable": (
        [eml(Content_Type="application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m")],
        [eml(Content_Type="multipart/signed; boundary=b", body="--b\r\n\r\nHello\r\n--b--\r\n")],
    ),
    "header-field-repeated": (
        [eml("From: other@shop.example\r\n"), eml("Subject: again\r\n"), eml("DATE: x\r\nDate: y\r\n")],
        [eml("Received: a\r\nReceived: b\r\n"), eml("X-From: a\r\n")],
    ),
    "header-field-missing": (
        [eml(From=""), eml("Message-ID: <1@shop.example>\r\n")],
        [eml("Date: Mon, 02 Mar 2026 09:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n")],
    ),
    "attachment-blocked": (
        [
            attached("bill.pdf.exe"),
            attached("BILL.JS"),
            attached("=?utf-8?q?bill=2Escr?="),
            attached("bill.exe. "),
        ],
        [attached("bill.pdf"), attached("exe"), attached("exe.txt")],
    ),
    "attachments-large": (
        [attached("list.pdf", size=10_000_001)],
        [attached("list.pdf", size=9_999_000)],
    ),
}
