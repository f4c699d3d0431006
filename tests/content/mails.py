"""Mails of every making, each with what must be said of it and what may be.

All else above a note is a false alarm. Most are the sound mail below with one thing changed.
"""
# ruff: noqa: E501 - HTML reads best on the line that it is written on

from __future__ import annotations

import base64
import quopri
from typing import NamedTuple


class Mail(NamedTuple):
    """A file, the ids of the findings it must have, and those it may have besides notes."""

    name: str
    raw: bytes
    must: frozenset[str]
    may: frozenset[str]
    subject: str | None = None


TEXT = """Dear Anna,

The plants that you looked at in autumn have arrived. We have kept three of each for you until Friday.

See the plants: https://www.shop.example/plants

Shop Ltd, 1 Garden Street, Springfield, IL 62701, USA
Unsubscribe: https://www.shop.example/unsubscribe?u=1
"""
PREHEADER = (
    '<div style="display:none;font-size:1px;max-height:0;overflow:hidden;mso-hide:all">'
    "Pick them up on Friday, or let us bring them to your door.&#8199;&#847;&zwnj;</div>"
)
PICTURE = '<img src="https://cdn.shop.example/a.png" alt="Tomato plants in clay pots" width="600" style="max-width:100%">'
STORY = "<p>The plants that you looked at in autumn have arrived. We have kept three of each for you until Friday.</p>"
BUTTON = (
    '<a href="https://www.shop.example/plants" style="display:inline-block;padding:14px 24px;'
    'background:#1a5fb4;color:#ffffff;font-size:16px">See the plants</a>'
)
FOOTER = (
    '<p style="font-size:14px">Shop Ltd, 1 Garden Street, Springfield, IL 62701, USA.'
    ' <a href="https://www.shop.example/unsubscribe?u=1">Unsubscribe</a></p>'
)
META = '<meta name="viewport" content="width=device-width, initial-scale=1"><meta charset="utf-8">'
SHELL = (
    '<!doctype html>\n<html lang="en"><head>{head}<title>Your plants</title></head>\n<body style="margin:0">\n'
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px"><tr><td>\n'
    "{body}\n</td></tr></table></body></html>\n"
)


def html(
    middle: str = "",
    *,
    head: str = "",
    meta: str = META,
    preheader: str = PREHEADER,
    picture: str = PICTURE,
    story: str = "<p>Dear Anna,</p>" + STORY,
    button: str = BUTTON,
    footer: str = FOOTER,
) -> str:
    """The sound mail with some of it changed."""
    return SHELL.format(head=meta + head, body="\n".join((preheader, picture, story, button, middle, footer)))


FIELDS = {
    "From": "Garden Shop <news@shop.example>",
    "To": "anna@example.net",
    "Subject": "Anna, your spring plants are ready",
    "Date": "Mon, 02 Mar 2026 09:00:00 +0000",
    "Message-ID": "<1@shop.example>",
    "MIME-Version": "1.0",
    "List-Unsubscribe": "<https://www.shop.example/u?u=1>, <mailto:leave@shop.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


def part(
    kind: str, text: str, charset: str = "utf-8", encoding: str = "quoted-printable", more: str = ""
) -> bytes:
    """A part with its fields."""
    raw = text.encode(charset)
    if encoding == "base64":
        raw = base64.encodebytes(raw)
    elif encoding == "quoted-printable":
        raw = quopri.encodestring(raw)
    head = f"Content-Type: {kind}; charset={charset}\nContent-Transfer-Encoding: {encoding}\n{more}\n"
    return head.encode() + raw


def joined(*parts: bytes, kind: str = "alternative", mark: str = "b1", end: bool = True) -> bytes:
    """A multipart with its parts."""
    head = f'Content-Type: multipart/{kind}; boundary="{mark}"\n\n'.encode()
    line = f"\n--{mark}\n".encode()
    return head + b"".join(line + each for each in parts) + (f"\n--{mark}--\n".encode() if end else b"")


def eml(body: bytes, **changes: str) -> bytes:
    """A message around a body that begins with its Content-Type; a field of '' is left out."""
    fields = {**FIELDS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value).encode() + body


def both(source: str | None = None, text: str = TEXT, **changes: str) -> bytes:
    """The sound message with another HTML or text part, or other fields."""
    return eml(joined(part("text/plain", text), part("text/html", source or html())), **changes)


def _mail(name: str, raw: bytes | str, must: str = "", may: str = "", subject: str | None = None) -> Mail:
    made = raw.encode() if isinstance(raw, str) else raw
    return Mail(name, made, frozenset(must.split()), frozenset(may.split()), subject)


ATTACHED = b'Content-Type: application/pdf\nContent-Disposition: attachment; filename="a.pdf"\n\n%PDF\n'
PROGRAM = (
    b'Content-Type: application/octet-stream; name="bill.pdf.exe"\n'
    b'Content-Disposition: attachment; filename="bill.pdf.exe"\n\nMZ\n'
)
SIGNATURE = (
    b'Content-Type: application/pkcs7-signature; name="smime.p7s"\nContent-Transfer-Encoding: base64\n\nMIAG\n'
)
MSO = (
    '<!--[if mso]><table width="700"><tr><td><img src="a.png"><a href="#">x</a><![endif]-->'
    "<!--[if !mso]><!--><p>For all others.</p><!--<![endif]-->"
    "<!--[if mso]></td></tr></table><![endif]-->"
)
DARK = (
    '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
    "<style>:root{color-scheme:light dark}@media (prefers-color-scheme:dark){p{color:#fff!important}}</style>"
)
PIXEL = '<img src="https://click.shop.example/o.gif" width="1" height="1" alt="">'
CALLS = "".join(
    f'<a href="https://www.shop.example/{n}" style="padding:14px;background:#1a5fb4;color:#fff">Buy plant {n}</a> '
    for n in range(10)
)
WALL = (
    "<p>"
    + "We grow our plants from seed in the valley behind the shop, and we water them by hand. " * 12
    + "</p>"
)
JAPANESE = "春の苗が届きました。金曜日まで三つずつお取り置きしています。どうぞお早めにお越しください。"

MAILS = [
    # sound ones
    _mail("sound.html", html(), subject="Anna, your spring plants are ready"),
    _mail("sound.eml", both()),
    _mail("sound.txt", TEXT, subject="Anna, your spring plants are ready"),
    _mail("crlf.eml", both().replace(b"\n", b"\r\n")),
    _mail(
        "base64.eml",
        eml(joined(*(part(f"text/{k}", t, encoding="base64") for k, t in (("plain", TEXT), ("html", html()))))),
    ),
    _mail(
        "latin.eml",
        eml(
            joined(
                part("text/plain", TEXT + "Grüße", "windows-1252"),
                part("text/html", html("<p>Grüße</p>").replace('"utf-8"', '"windows-1252"'), "windows-1252"),
            )
        ),
    ),
    _mail("utf16.html", html("<p>Grüße</p>").encode("utf-16")),
    _mail("outlook.html", html(MSO)),
    _mail("dark.html", html(head=DARK)),
    _mail("decorative.html", html('<img src="https://cdn.shop.example/line.png" alt="" width="600">')),
    _mail("pixel.html", html(PIXEL)),
    _mail(
        "signed.eml",
        eml(
            joined(
                joined(part("text/plain", TEXT), part("text/html", html()), mark="b2"), SIGNATURE, kind="signed"
            )
        ),
    ),
    _mail(
        "deep.eml",
        eml(
            joined(
                joined(
                    joined(part("text/plain", TEXT), part("text/html", html()), mark="b3"),
                    kind="related",
                    mark="b2",
                ),
                ATTACHED,
                kind="mixed",
            )
        ),
    ),
    _mail(
        "amp.eml",
        eml(
            joined(
                part("text/plain", TEXT),
                part("text/x-amp-html", "<html amp4email><script></script>"),
                part("text/html", html()),
            )
        ),
    ),
    _mail("truncated.eml", eml(joined(part("text/plain", TEXT), part("text/html", html()), end=False))),
    _mail(
        "japanese.eml",
        eml(
            joined(
                part("text/plain", JAPANESE + "https://www.shop.example/u 配信停止", "iso-2022-jp", "7bit"),
                part(
                    "text/html",
                    html(story=f"<p>{JAPANESE}</p>", button=BUTTON.replace("See the plants", "苗を見る"))
                    .replace("Unsubscribe", "配信停止")
                    .replace(META, ""),
                    "iso-2022-jp",
                    "base64",
                ),
            ),
            Subject="=?iso-2022-jp?b?GyRCPVUkTkREGyhC?=",
        ),
        "viewport-missing",
    ),
    _mail(
        "receipt.eml",
        both(
            html(
                footer='<p style="font-size:14px">Shop Ltd, 1 Garden Street, Springfield, IL 62701, USA.</p>',
                story="<p>Your order 4711 has shipped with the parcel service, and arrives on Tuesday.</p>",
            ),
            TEXT.replace(
                "The plants that you looked at in autumn have arrived. We have kept three of each for you until Friday.",
                "Your order 4711 has shipped with the parcel service, and arrives on Tuesday.",
            ),
            Subject="Your order 4711 has shipped",
            List_Unsubscribe="",
            List_Unsubscribe_Post="",
        ),
        "",
        "list-unsubscribe-missing unsubscribe-link-missing",
    ),
    _mail(
        "mailchimp.html",
        html(
            story="<p>Dear *|FNAME|*,</p>" + STORY,
            footer='<p style="font-size:14px">*|LIST:ADDRESS|* <a href="*|UNSUB|*">Unsubscribe</a></p>',
        ),
    ),
    _mail(
        "klaviyo.html",
        html(
            story="<p>Dear {{ first_name|default:'friend' }},</p>" + STORY,
            footer="<p style=\"font-size:14px\">{{ organization.full_address }} {% unsubscribe 'Unsubscribe' %}</p>",
        ),
    ),
    _mail(
        "campaignmonitor.html",
        html(
            story="<p>Dear [firstname,fallback=friend],</p>" + STORY,
            footer='<p style="font-size:14px">Shop Ltd, 1 Garden Street, Springfield, IL 62701. <unsubscribe>Unsubscribe</unsubscribe></p>',
        ),
    ),
    _mail(
        "brevo.html",
        html(
            story="<p>Dear {{ contact.FIRSTNAME | default : 'friend' }},</p>" + STORY,
            footer='<p style="font-size:14px">Shop Ltd, 1 Garden Street, Springfield, IL 62701. <a href="{{ unsubscribe }}">Unsubscribe</a></p>',
        ),
    ),
    _mail(
        "german.html",
        html(
            story="<p>Liebe Anna,</p><p>die Pflanzen, die Sie im Herbst angesehen haben, sind da. Drei von jeder liegen bis Freitag bereit.</p>",
            button=BUTTON.replace("See the plants", "Pflanzen ansehen"),
            footer='<p style="font-size:14px">Laden GmbH, Gartenstraße 1, 80331 München. <a href="https://www.shop.example/abmelden">Newsletter abbestellen</a></p>',
        ),
    ),
    _mail(
        "turkish.html",
        html(
            story="<p>Sayın Anna,</p><p>Sonbaharda baktığınız bitkiler geldi. Her birinden üç tane cuma gününe kadar sizin için ayırdık.</p>",
            button=BUTTON.replace("See the plants", "Bitkileri gör"),
            footer='<p style="font-size:14px">Dükkan A.Ş., Bahçe Caddesi No: 1, 34000 İstanbul. <a href="https://www.shop.example/cikis">Abonelikten çık</a></p>',
        ),
    ),
    _mail(
        "spanish.html",
        html(
            story="<p>Querida Anna:</p><p>Las plantas que miraste en otoño ya han llegado. Te hemos guardado tres de cada una hasta el viernes.</p>",
            button=BUTTON.replace("See the plants", "Ver las plantas"),
            footer='<p style="font-size:14px">Tienda SL, Calle Jardín 1, 28001 Madrid. <a href="https://www.shop.example/baja">Darse de baja</a></p>',
        ),
    ),
    _mail(
        "polish.html",
        html(
            story="<p>Droga Anno,</p><p>Rośliny, które oglądałaś jesienią, już są. Po trzy z każdej czekają na Ciebie do piątku.</p>",
            button=BUTTON.replace("See the plants", "Zobacz rośliny"),
            footer='<p style="font-size:14px">Sklep sp. z o.o., ul. Ogrodowa 1, 00-001 Warszawa. <a href="https://www.shop.example/wypisz">Wypisz się</a></p>',
        ),
    ),
    _mail("fields.eml", both(html("<p>Our {{ braces }} stay.</p>")), "body-merge-field"),
    # one fault each
    _mail(
        "no-alt.html",
        html(picture=PICTURE.replace(' alt="Tomato plants in clay pots"', "")),
        "image-without-alt",
    ),
    _mail(
        "linked-no-alt.html",
        html(
            '<a href="https://www.shop.example/a"><img src="https://cdn.shop.example/b.png" alt="" width="200"></a>'
        ),
        "image-without-alt",
    ),
    _mail(
        "file-alt.html",
        html(picture=PICTURE.replace("Tomato plants in clay pots", "IMG_2041.jpg")),
        "image-alt-useless",
    ),
    _mail(
        "pictures.html",
        html(
            story="",
            button='<a href="https://www.shop.example/"><img src="https://cdn.shop.example/all.png" alt="Shop the spring sale" width="600"></a>',
        ),
        "images-instead-of-text",
        "call-to-action-image",
    ),
    _mail(
        "clipped.html",
        html("<p>" + "<b>plants</b> " * 9_000 + "</p>"),
        "html-clipped-by-gmail",
        "body-paragraph-long",
    ),
    _mail("clipped-comments.html", html("<!--" + "x" * 110_000 + "-->"), "html-clipped-by-gmail"),
    _mail("nearly-clipped.html", html("<p>" + "plants " * 13_000 + "</p>"), "", "body-paragraph-long"),
    _mail(
        "no-list-unsubscribe.eml",
        both(List_Unsubscribe="", List_Unsubscribe_Post=""),
        "list-unsubscribe-missing",
    ),
    _mail("no-one-click.eml", both(List_Unsubscribe_Post=""), "list-unsubscribe-not-one-click"),
    _mail(
        "mailto-only.eml",
        both(List_Unsubscribe="<mailto:leave@shop.example>"),
        "list-unsubscribe-not-one-click",
    ),
    _mail(
        "other-domain.html",
        html('<p><a href="https://track.other.example/x">www.shop.example/sale</a></p>'),
        "link-text-of-another-host",
    ),
    _mail(
        "bank.html",
        html('<p><a href="https://login.evil.example/">https://www.bank.example/login</a></p>'),
        "link-text-of-another-host",
    ),
    _mail("shortener.html", html('<p><a href="https://bit.ly/3xYz">Our list</a></p>'), "link-shortened"),
    _mail("http.html", html('<p><a href="http://www.shop.example/list">Our list</a></p>'), "link-not-https"),
    _mail(
        "form.html",
        html('<form action="https://www.shop.example/f"><input type="text" name="q"></form>'),
        "form-in-mail",
    ),
    _mail("script.html", html("<script>track()</script>"), "script-in-mail"),
    _mail(
        "video.html", html('<video src="https://cdn.shop.example/a.mp4" width="600"></video>'), "video-in-mail"
    ),
    _mail(
        "wide.html",
        html('<table role="presentation" width="700"><tr><td>Wide</td></tr></table>'),
        "too-wide-for-phone",
    ),
    _mail("wide-style.html", html('<div style="width:700px">Wide</div>'), "too-wide-for-phone"),
    _mail(
        "tiny.html",
        html('<p style="font-size:9px">Offer ends on Friday, while they are in the shop.</p>'),
        "font-too-small",
    ),
    _mail("no-preheader.html", html(preheader=""), "preheader-missing"),
    _mail(
        "browser.html",
        html(preheader='<p><a href="https://www.shop.example/v">View in browser</a></p>'),
        "preheader-boilerplate",
    ),
    _mail("wall.html", html(WALL), "body-paragraph-long"),
    _mail(
        "no-call.html",
        html(button="", story=STORY + '<p><a href="https://www.shop.example/">www.shop.example</a></p>'),
        "call-to-action-missing",
    ),
    _mail("ten-calls.html", html(CALLS), "calls-to-action-many"),
    _mail(
        "picture-call.html",
        html(
            button='<a href="https://www.shop.example/x"><img src="https://cdn.shop.example/button.png" alt="See the plants" width="200"></a>'
        ),
        "call-to-action-image",
    ),
    _mail("no-viewport.html", html(meta='<meta charset="utf-8">'), "viewport-missing"),
    _mail("no-lang.html", html().replace(' lang="en"', ""), "language-missing"),
    _mail(
        "grey.html",
        html('<p style="color:#aaaaaa">Prices include the tax of your country.</p>'),
        "contrast-low",
    ),
    _mail(
        "hidden.html",
        html(
            '<div style="display:none;font-size:0">cheap watches and pills for everybody who reads this text</div>'
        ),
        "text-hidden",
    ),
    _mail(
        "white.html",
        html('<p style="color:#ffffff">cheap watches and pills for everybody</p>'),
        "text-invisible",
    ),
    _mail(
        "no-unsubscribe.html",
        html(footer='<p style="font-size:14px">Shop Ltd, 1 Garden Street, Springfield, IL 62701.</p>'),
        "unsubscribe-link-missing",
    ),
    _mail(
        "no-address.html",
        html(
            footer='<p style="font-size:14px"><a href="https://www.shop.example/unsubscribe">Unsubscribe</a></p>'
        ),
        "postal-address-missing",
    ),
    _mail(
        "small-touch.html",
        html(
            '<a href="https://www.shop.example/a" style="display:inline-block;height:20px;padding:0;background:#1a5fb4;color:#ffffff">Buy now</a>'
        ),
        "touch-target-small",
    ),
    _mail("dear-null.eml", both(html(story="<p>Dear null,</p>" + STORY)), "body-unfilled"),
    _mail("dear-comma.html", html(story="<p>Hi ,</p>" + STORY), "body-unfilled"),
    _mail("no-text.eml", eml(part("text/html", html())), "text-part-missing"),
    _mail(
        "stale-text.eml",
        both(
            text="Our autumn list: bulbs, rakes and leaf blowers at half the price. https://www.shop.example/autumn Unsubscribe: https://www.shop.example/u Shop Ltd, 1 Garden Street, Springfield, IL 62701"
        ),
        "text-part-differs",
    ),
    _mail(
        "program.eml",
        eml(
            joined(
                joined(part("text/plain", TEXT), part("text/html", html()), mark="b2"), PROGRAM, kind="mixed"
            )
        ),
        "attachment-blocked",
    ),
    _mail(
        "charset.eml",
        eml(
            joined(
                part("text/plain", TEXT),
                part("text/html", html("<p>Grüße</p>"), "windows-1252").replace(
                    b"charset=windows-1252", b"charset=utf-8"
                ),
            )
        ),
        "charset-wrong",
    ),
    _mail(
        "two-subjects.eml", both().replace(b"Date:", b"Subject: Another one\nDate:"), "header-field-repeated"
    ),
    _mail("no-from.eml", both(From=""), "header-field-missing"),
    _mail(
        "encrypted.eml",
        eml(
            b'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"\nContent-Transfer-Encoding: base64\n\nMIAG\n'
        ),
        "body-unreadable",
    ),
    _mail("unfilled.eml", both(Subject="Hi , your plants are ready"), "subject-unfilled"),
    _mail(
        "bare-http.txt",
        TEXT.replace("https://www.shop.example/plants", "http://bit.ly/plants"),
        "link-shortened link-not-https",
    ),
]

SMALL = '<p style="font-size:14px">'
#: written after the rules were mended for those above
LATER = [
    _mail(
        "french.html",
        html(
            story="<p>Bonjour Anna,</p><p>Les plantes que vous avez regardées à l'automne sont arrivées. Nous en gardons trois de chaque jusqu'à vendredi.</p>",
            button=BUTTON.replace("See the plants", "Découvrir les plantes"),
            footer=SMALL
            + 'Boutique SARL, 12 rue des Fleurs, 75011 Paris. <a href="https://www.shop.example/x">Se désinscrire</a></p>',
        ),
    ),
    _mail(
        "italian.html",
        html(
            story="<p>Ciao Anna,</p><p>Le piante che hai guardato in autunno sono arrivate. Ne abbiamo tenute tre per tipo fino a venerdì.</p>",
            button=BUTTON.replace("See the plants", "Scopri le piante"),
            footer=SMALL
            + 'Negozio Srl, Via Roma 1, 20121 Milano. <a href="https://www.shop.example/x">Annulla l\'iscrizione</a></p>',
        ),
    ),
    _mail(
        "dutch.html",
        html(
            story="<p>Beste Anna,</p><p>De planten die je in de herfst bekeek zijn er. We hebben er drie van elk tot vrijdag apart gezet.</p>",
            button=BUTTON.replace("See the plants", "Bekijk de planten"),
            footer=SMALL
            + 'Winkel BV, Bloemenstraat 1, 1012 AB Amsterdam. <a href="https://www.shop.example/x">Uitschrijven</a></p>',
        ),
    ),
    _mail(
        "russian.html",
        html(
            story="<p>Здравствуйте, Анна!</p><p>Растения, которые вы смотрели осенью, уже здесь. Мы отложили для вас по три каждого до пятницы.</p>",
            button=BUTTON.replace("See the plants", "Посмотреть растения"),
            footer=SMALL
            + 'ООО Сад, ул. Садовая, 1, 101000 Москва. <a href="https://www.shop.example/x">Отписаться</a></p>',
        ),
    ),
    _mail(
        "chinese.html",
        html(
            story="<p>您好，Anna：</p><p>您秋天看过的植物已经到货。我们为您各保留三株，直到星期五。欢迎早日光临本店选购，期待您的到来。本店位于市中心，交通便利，营业时间为每天上午九点到晚上八点。</p>",
            button=BUTTON.replace("See the plants", "查看植物"),
            footer=SMALL
            + '花店有限公司，上海市南京路1号，200001。<a href="https://www.shop.example/x">退订</a></p>',
        ),
    ),
    _mail(
        "arabic.html",
        html(
            story="<p>مرحبا آنا،</p><p>وصلت النباتات التي شاهدتها في الخريف. لقد احتفظنا لك بثلاثة من كل نوع حتى يوم الجمعة.</p>",
            button=BUTTON.replace("See the plants", "عرض النباتات"),
            footer=SMALL
            + 'متجر الحديقة، شارع الزهور 1، الرياض 11564. <a href="https://www.shop.example/x">إلغاء الاشتراك</a></p>',
        ),
    ),
    _mail(
        "portuguese.html",
        html(
            story="<p>Olá Anna,</p><p>As plantas que você viu no outono chegaram. Guardamos três de cada até sexta-feira.</p>",
            button=BUTTON.replace("See the plants", "Ver as plantas"),
            footer=SMALL
            + 'Loja Ltda, Rua das Flores, 1, São Paulo, 01001-000. <a href="https://www.shop.example/x">Cancelar inscrição</a></p>',
        ),
    ),
    _mail(
        "uk.html",
        html(
            footer=SMALL
            + 'Shop Ltd, 1 High Street, London SW1A 1AA. <a href="https://www.shop.example/x">Manage preferences</a></p>'
        ),
    ),
    _mail(
        "canada.html",
        html(
            footer=SMALL
            + 'Shop Inc, 12 Maple Road, Ottawa ON K1A 0B1. <a href="https://www.shop.example/x">Unsubscribe</a></p>'
        ),
    ),
    _mail(
        "pobox.html",
        html(
            footer=SMALL
            + 'Shop Inc, PO Box 4711, Springfield, IL 62701. <a href="https://www.shop.example/x">Unsubscribe</a></p>'
        ),
    ),
    _mail(
        "hubspot.html",
        html(
            story="<p>Hi {{ contact.firstname }},</p>" + STORY,
            footer=SMALL
            + '{{ site_settings.company_street_address_1 }}, {{ site_settings.company_city }} <a href="{{ unsubscribe_link }}">Unsubscribe</a></p>',
        ),
    ),
    _mail(
        "salesforce.html",
        html(
            story="<p>Hi %%FirstName%%,</p>" + STORY,
            footer=SMALL
            + '%%Member_Busname%% %%Member_Addr%% %%Member_City%% %%Member_PostalCode%% <a href="%%unsub_center_url%%">Unsubscribe</a></p>',
        ),
    ),
    _mail(
        "inline.html",
        html("<p>Hi<b> all</b>, we <i>mean</i> it. Call <a href='tel:+15551234'>+1 555 1234</a></p>"),
    ),
    _mail(
        "three-products.html",
        html(
            '<a href="https://www.shop.example/1"><img src="https://cdn.shop.example/1.jpg" alt="Blue bicycle, $300" width="180"></a><p>Blue bicycle, $300</p><a href="https://www.shop.example/2"><img src="https://cdn.shop.example/2.jpg" alt="Red bicycle, $320" width="180"></a><p>Red bicycle, $320</p>'
        ),
    ),
    _mail(
        "darkgrey.html",
        html(
            head="<style>@media (prefers-color-scheme: dark){.a{color:#fff}}</style>",
            middle='<p class="a" style="color:#555555">Grey but legible.</p>',
        ),
    ),
    _mail(
        "vml.html",
        html(
            '<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://x.example"><center>Buy</center></v:roundrect><![endif]-->'
        ),
    ),
    _mail(
        "attach.eml",
        eml(
            joined(
                joined(part("text/plain", TEXT), part("text/html", html()), mark="b2"), ATTACHED, kind="mixed"
            )
        ),
    ),
    _mail(
        "ics.eml",
        eml(
            joined(
                part("text/plain", TEXT),
                part("text/html", html()),
                part("text/calendar", "BEGIN:VCALENDAR\nEND:VCALENDAR"),
            )
        ),
    ),
    _mail(
        "forwarded.eml",
        both(
            Subject="Re: your question",
            In_Reply_To="<1@x.example>",
            List_Unsubscribe="",
            List_Unsubscribe_Post="",
        ),
    ),
    _mail(
        "reset.eml",
        both(
            html(
                story="<p>Somebody asked for a new password for your account. If it was you, choose one within an hour.</p>",
                button=BUTTON.replace("See the plants", "Choose a password"),
                footer=SMALL + "Shop Ltd, 1 Garden Street, Springfield, IL 62701.</p>",
            ),
            "Somebody asked for a new password for your account. If it was you, choose one within an hour. https://www.shop.example/r",
            Subject="Reset your password",
            List_Unsubscribe="",
            List_Unsubscribe_Post="",
        ),
    ),
    # bad
    _mail("de-null.html", html(story="<p>Sehr geehrter Herr ,</p>" + STORY), "body-unfilled"),
    _mail("fr-null.html", html(story="<p>Bonjour undefined,</p>" + STORY), "body-unfilled"),
    _mail(
        "js.eml",
        eml(
            joined(
                joined(part("text/plain", TEXT), part("text/html", html()), mark="b2"),
                PROGRAM.replace(b"bill.pdf.exe", b"invoice.js"),
                kind="mixed",
            )
        ),
        "attachment-blocked",
    ),
    _mail("iframe.html", html('<iframe src="https://www.youtube.com/embed/x"></iframe>'), "frame-in-mail"),
    _mail("password.html", html('<form><input type="password"></form>'), "form-in-mail"),
    _mail(
        "localhost.html",
        html(picture='<img src="http://localhost/a.png" alt="Tomato plants" width="600">'),
        "image-source-unreachable",
    ),
    _mail(
        "base64img.html",
        html('<img src="data:image/png;base64,AAAA" alt="Chart of prices" width="200">'),
        "image-as-data",
    ),
    _mail("ip.html", html('<p><a href="https://203.0.113.7/x">Our list</a></p>'), "link-to-ip-address"),
    _mail(
        "here.html",
        html('<p>For the list <a href="https://www.shop.example/l">click here</a></p>'),
        "link-text-vague",
    ),
    _mail("flex.html", html('<div style="display:flex;position:absolute">x</div>'), "css-unsupported"),
    _mail(
        "svg.html",
        html('<img src="https://cdn.shop.example/l.svg" alt="Garden Shop" width="90">'),
        "image-format-unsupported",
    ),
    _mail(
        "tiny-unsub.html",
        html(
            footer='<p style="font-size:14px">Shop Ltd, 1 Garden Street, Springfield, IL 62701. <a style="font-size:7px" href="https://www.shop.example/u">Unsubscribe</a></p>'
        ),
        "unsubscribe-link-inconspicuous font-too-small",
    ),
    _mail(
        "hidden-unsub.html",
        html(
            footer='<p style="font-size:14px">Shop Ltd, 1 Garden Street, Springfield, IL 62701. <a style="display:none" href="https://www.shop.example/u">Unsubscribe</a></p>'
        ),
        "unsubscribe-link-missing",
    ),
    _mail("zero.html", html("<p>fr\u200bee pla\u200bnts</p>"), "zero-width-in-words"),
    _mail("mixed.html", html("<p>p\u0430ypal</p>"), "mixed-scripts-in-words"),
    _mail(
        "css-file.html",
        html(head='<link rel="stylesheet" href="https://www.shop.example/m.css">'),
        "stylesheet-external",
    ),
    _mail("broken.html", html('<p><a href="#">Our list</a></p>'), "link-broken"),
    _mail("js-link.html", html('<p><a href="javascript:void(0)">Our list</a></p>'), "link-with-script"),
    _mail(
        "long-line.eml",
        eml(part("text/html", html("<p>" + "x y " * 400 + "</p>").replace("\n", ""), encoding="8bit")),
        "line-too-long text-part-missing",
        "body-paragraph-long",
    ),
    _mail(
        "spam.html",
        html("<p>You have won. Make money fast with a cash bonus, act now.</p>"),
        "body-spam-wording",
    ),
]
