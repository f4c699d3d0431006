"""Orders: each shop's sample means what is expected, and an order counts once, whatever exports it stands in.

A new shop is a declaration, a sample and its expectation: shops/NAME.csv beside NAME.expected.csv. Times are
UTC in the expectations, amounts in millionths.
"""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from hygiene.errors import UsageError
from hygiene.event import EVENT, UNREAD
from hygiene.events.orders import ORDERS
from hygiene.events.query import make_events
from hygiene.events.recogniser import Head, Task
from hygiene.events.shop_layout import recognise_orders, shops

SAMPLES = Path(__file__).parent / "shops"
NAMES = [shop.name for shop in shops()]
COLUMNS = ("event_id", "recipient", "provider", "ts_us", "value_micros", "currency", "campaign", "line")
HEAD = "order_id,email,date,total,currency,status\n"


def header_of(name):
    text = (SAMPLES / f"{name}.csv").read_text("utf-8")
    return next(csv.reader(io.StringIO(text), delimiter=";" if name == "orders" else ","))


class Read:
    """What became of some exports."""

    def __init__(self, folder, *texts, timezone="UTC"):
        self.connection, self.files = duckdb.connect(), []
        make_events(self.connection)
        self.connection.execute(f"create table unread ({', '.join(map(' '.join, UNREAD.items()))})")
        for number, text in enumerate(texts):
            path = folder / f"orders-{number}.csv"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            self.files.append(
                ORDERS.read(
                    Task(
                        path=path,
                        name=path.name,
                        number=number,
                        connection=self.connection,
                        work=folder,
                        timezone=timezone,
                    )
                )
            )
        self.said = ORDERS.finish(self.connection)

    def rows(self, *columns):
        query = f"select {', '.join(columns)} from events order by file, line"
        return self.connection.execute(query).fetchall()

    @property
    def unread(self):
        return sorted(self.connection.execute("select line, why, text from unread").fetchall())


def expected(name):
    rows = csv.DictReader(io.StringIO((SAMPLES / f"{name}.expected.csv").read_text("utf-8")))
    return [tuple(meant(column, row[column]) for column in COLUMNS) for row in rows]


def meant(name, cell):
    if not cell:
        return None
    if name == "ts_us":
        return int(datetime.fromisoformat(cell).replace(tzinfo=UTC).timestamp()) * 1_000_000
    return cell if EVENT[name] == "VARCHAR" else int(cell)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_means_what_is_expected(tmp_path, name):
    read = Read(tmp_path, (SAMPLES / f"{name}.csv").read_bytes())
    assert read.rows(*COLUMNS) == expected(name)
    assert set(read.rows("source", "kind", "file")) == {(name, "converted", 0)}
    assert read.unread == []
    (file,) = read.files
    assert file.records == len(expected(name)) + file.damaged + sum(file.skipped.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_recognised_as_its_own_shop(name):
    header = header_of(name)
    assert recognise_orders([one.upper() for one in reversed(header)], "x").name == name
    assert ORDERS.recognises(Head(name="x", start=b"", columns=tuple(header)))


def test_what_a_shop_did_not_sell_is_said(tmp_path):
    shopify, woocommerce = (
        Read(tmp_path, (SAMPLES / f"{name}.csv").read_bytes()).files[0] for name in ("shopify", "woocommerce")
    )
    assert shopify.skipped == {
        "an order that is not paid": 1,
        "an order that was cancelled or given back": 2,
        "a further row of an order": 1,
    }
    assert shopify.notes == ("orders that name no address, and so no mail: 1",)
    assert woocommerce.notes == ("orders with a status not known here, which are counted: wc-printed (1)",)


@pytest.mark.parametrize(
    "columns",
    [
        ("email", "event", "timestamp", "value", "order_id"),  # events of one's own
        ("type", "id", "email", "timestamp", "value"),
        ("Date", "Order #", "Status", "Customer", "N. Revenue"),  # whose orders is not told
        ("Email", "First Name", "Total Spent", "Total Orders"),  # customers
        ("campaign", "sent", "delivered", "revenue", "date"),
        (),
    ],
)
def test_other_tables_are_no_orders(columns):
    assert not ORDERS.recognises(Head(name="x", start=b"", columns=columns))


def test_two_shops_in_one_header_are_refused():
    with pytest.raises(UsageError, match="Shopify orders or WooCommerce orders"):
        recognise_orders([*header_of("shopify"), *header_of("woocommerce")], "both.csv")


def row(number="A-1", email="ann@example.com", date="2026-05-01 10:00:00", total="10.00", status="paid"):
    return f"{number},{email},{date},{total},EUR,{status}\n"


def test_an_order_in_several_exports_counts_once(tmp_path):
    read = Read(tmp_path, HEAD + row() + row("A-2"), HEAD + row("A-2") + row("A-3"))
    assert read.rows("event_id") == [("A-1",), ("A-2",), ("A-3",)]
    assert read.said == ("orders that stand in several exports, each counted once: 1",)


@pytest.mark.parametrize(
    ("states", "counted"),
    [
        (("pending", "paid"), True),
        (("paid", "refunded"), False),
        (("pending", "paid", "cancelled"), False),
        (("pending", "pending"), False),
        (("", "paid"), True),
    ],
)
def test_the_state_of_an_order_does_not_depend_on_the_order_of_exports(tmp_path, states, counted):
    for given in (states, states[::-1]):
        read = Read(tmp_path, *(HEAD + row(status=state) for state in given))
        assert read.rows("event_id") == ([("A-1",)] if counted else [])


def test_money_given_back_later_is_not_kept(tmp_path):
    early = "order_id,email,date,total,refunded amount\nA-1,a@example.com,2026-05-01,100,0\n"
    late = early.replace("100,0", "100,40")
    for given in ((early, late), (late, early)):
        assert Read(tmp_path, *given).rows("value_micros") == [(60_000_000,)]


def test_the_same_number_at_another_time_is_another_shop(tmp_path):
    read = Read(tmp_path, HEAD + row(), HEAD + row(email="bob@example.com", date="2026-05-02 10:00:00"))
    assert read.rows("event_id", "recipient") == [
        ("A-1@1777629600", "ann@example.com"),
        ("A-1@1777716000", "bob@example.com"),
    ]


def test_orders_without_a_number_are_each_one(tmp_path):
    read = Read(tmp_path, HEAD + row("") + row("") + row("", total="11.00"))
    assert read.rows("event_id", "value_micros", "line") == [
        (None, 10_000_000, 2),
        (None, 10_000_000, 3),
        (None, 11_000_000, 4),
    ]


def test_rows_of_an_order_that_disagree_are_said(tmp_path):
    read = Read(tmp_path, HEAD + row() + row(total="25.00"))
    assert read.rows("value_micros") == [(10_000_000,)]
    assert "orders whose rows tell different totals, of which the first counts: 1" in read.files[0].notes


def test_what_cannot_be_read_is_kept(tmp_path):
    text = HEAD.encode() + "Ä-1,ä@example.com,2026-05-01,10.00,EUR,paid\n".encode()
    text += (
        row("B", total="a lot").encode()
        + row("C", date="soon").encode()
        + b"D,only\n,,,,,\nE\xff,e@x.example,,,,\n"
    )
    read = Read(tmp_path, text + row("F").encode())
    assert read.rows("event_id", "value_micros", "ts_us") == [
        ("Ä-1", 10_000_000, meant("ts_us", "2026-05-01")),
        ("B", None, meant("ts_us", "2026-05-01 10:00:00")),
        ("C", 10_000_000, None),
        ("F", 10_000_000, meant("ts_us", "2026-05-01 10:00:00")),
    ]
    assert [(line, text) for line, _, text in read.unread] == [
        (3, "a lot"),
        (4, "soon"),
        (5, "D,only"),
        (7, "E\\xff,e@x.example,,,,"),
    ]
    (file,) = read.files
    assert (file.damaged, file.skipped, file.records) == (2, {"nothing in it": 1}, 7)


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (("03/04/2026", "13/04/2026"), "2026-04-03"),
        (("03/04/2026", "04/13/2026"), "2026-03-04"),
        (("03/04/2026", "05/06/2026"), None),
    ],
)
def test_day_and_month(tmp_path, dates, first):
    read = Read(tmp_path, HEAD + "".join(row(f"A-{date}", date=date) for date in dates))
    assert read.rows("ts_us")[0] == (meant("ts_us", first),)
    assert ("day and month of orders cannot be told apart: they are not dated" in read.files[0].notes) == (
        not first
    )


def test_times_without_a_zone_are_in_the_one_given(tmp_path):
    read = Read(tmp_path, HEAD + row(date="2026-07-01 12:00:00"), timezone="Asia/Tokyo")
    assert read.rows("ts_us") == [(meant("ts_us", "2026-07-01 03:00:00"),)]
    assert read.files[0].zoneless == 1


def test_an_order_of_nothing_is_a_conversion_all_the_same(tmp_path):
    assert Read(tmp_path, HEAD + row(total="0.00")).rows("value_micros") == [(0,)]


def test_encodings_and_separators(tmp_path):
    text = "Order Number\tE-Mail\tOrder Date\tTotal\nÖ-1\tjörg@example.com\t2026-05-01\t10,50 €\n"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        read = Read(tmp_path, text.encode(encoding))
        assert read.rows("event_id", "recipient", "value_micros", "currency") == [
            ("Ö-1", "jörg@example.com", 10_500_000, "EUR")
        ]


@pytest.mark.parametrize("first", [0, 1])
def test_a_row_of_less_than_nothing_gives_back(tmp_path, first):
    sold, back = row(total="100.00"), row(date="2026-05-03 10:00:00", total="-40.00", status="refunded")
    rows = (sold, back)[:: -1 if first else 1]
    read = Read(tmp_path, HEAD + "".join(rows) + rows[1])
    assert read.rows("event_id", "value_micros", "ts_us") == [
        ("A-1", 60_000_000, meant("ts_us", "2026-05-01 10:00:00"))
    ]
    again = back.replace("05-03", "05-04")
    assert Read(tmp_path, HEAD + sold + back + again).rows("value_micros") == [(20_000_000,)]
    assert Read(tmp_path, HEAD + sold + back.replace("-40", "-100")).rows("event_id") == []


def test_money_given_back_without_its_order_is_no_order(tmp_path):
    read = Read(tmp_path, HEAD + row() + row("R-1", total="-40.00"))
    assert read.rows("event_id", "value_micros") == [("A-1", 10_000_000)]
    assert read.files[0].skipped == {"money given back, without its order": 1}


def test_test_orders_are_none(tmp_path):
    text = "order_id,email,date,total,test\n1,a@x.example,2026-05-01,5,false\n2,a@x.example,2026-05-01,5,true\n"
    read = Read(tmp_path, text)
    assert read.rows("event_id") == [("1",)]
    assert read.files[0].skipped == {"a test order": 1}


SHOPIFY = (
    "Name,Email,Financial Status,Currency,Total,Created at,Lineitem name,Payment Method,Outstanding Balance\n"
)


@pytest.mark.parametrize(
    ("status", "method", "outstanding", "kept"),
    [
        ("partially_paid", "card", "70.00", [(30_000_000,)]),
        ("authorized", "card", "100.00", [(100_000_000,)]),
        ("paid", "bogus", "0.00", []),
    ],
)
def test_shopify_keeps_what_was_paid_for_real(tmp_path, status, method, outstanding, kept):
    text = f"{SHOPIFY}#1,a@x.example,{status},EUR,100.00,2026-05-01 10:00:00 +0200,Cup,{method},{outstanding}\n"
    assert Read(tmp_path, text).rows("value_micros") == kept


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-05-21T10:00:00.250001Z", "2026-05-21 10:00:00.250001"),
        ("1779357600", "2026-05-21 10:00:00"),
        ("2026-05-21 12:00 +0200", "2026-05-21 10:00:00"),
        ("2026-05-21T10:00", "2026-05-21 10:00:00"),
        ("2026/05/21 10:00:00", "2026-05-21 10:00:00"),
        ("5/21/2026, 10:00:00 AM", "2026-05-21 10:00:00"),
        ("May 21, 2026 10:00 AM", "2026-05-21 10:00:00"),
        ("Thu, 21 May 2026 12:00:00 +0200", "2026-05-21 10:00:00"),
        ("2026-05-21 12:00:00 CEST", "2026-05-21 10:00:00"),
        ("46163.416666667", "2026-05-21 10:00:00"),
    ],
)
def test_moments_as_people_write_them(tmp_path, cell, expected):
    read = Read(tmp_path, f'order_id,email,date,total\n1,a@x.example,"{cell}",5\n')
    us = int(datetime.fromisoformat(expected).replace(tzinfo=UTC).timestamp() * 1_000_000)
    assert read.rows("ts_us") == [(pytest.approx(us, abs=500),)]
    assert read.unread == []


def test_a_fraction_of_a_second_makes_no_other_order(tmp_path):
    texts = [f"order_id,email,date,total\n1,a@x.example,2026-05-01T10:00:00{end}Z,5\n" for end in ("", ".25")]
    assert Read(tmp_path, *texts).rows("event_id") == [("1",)]


@pytest.mark.parametrize(
    ("cell", "millionths"),
    [
        ("Rs. 1,23,456.00", 123_456_000_000),
        ("kr. 1.234,50", 1_234_500_000),
        ("Fr. 12.50", 12_500_000),
        ("100,-", 100_000_000),
        ("1.234,50 €", 1_234_500_000),
    ],
)
def test_amounts_with_what_stands_around_them(tmp_path, cell, millionths):
    text = f"order_id;email;date;total\n1;a@x.example;2026-05-01;{cell}\n"
    assert Read(tmp_path, text).rows("value_micros") == [(millionths,)]


def test_a_minus_behind_an_amount_is_less_than_nothing(tmp_path):
    text = "order_id;email;date;total\n1;a@x.example;2026-05-01;12,00-\n"
    assert Read(tmp_path, text).files[0].skipped == {"money given back, without its order": 1}


@pytest.mark.parametrize(
    "text",
    [
        "Bestellnummer;E-Mail;Bestelldatum;Gesamtbetrag;Währung;Status\n"
        "1;a@x.example;21.05.2026 10:00;1.234,50;EUR;bezahlt\n2;a@x.example;21.05.2026;9,00;EUR;storniert\n",
        "Numéro de commande;Adresse e-mail;Date de commande;Montant total;Devise;Statut\n"
        "1;a@x.example;21/05/2026 10:00;1 234,50;EUR;payée\n2;a@x.example;21/05/2026;9,00;EUR;en attente\n",
        "Número de pedido;Correo electrónico;Fecha del pedido;Importe total;Moneda;Estado\n"
        "1;a@x.example;21/05/2026 10:00;1.234,50;EUR;Pagado\n2;a@x.example;21/05/2026;9,00;EUR;reembolsado\n",
    ],
    ids=["German", "French", "Spanish"],
)
def test_orders_in_other_languages(tmp_path, text):
    read = Read(tmp_path, text)
    assert read.rows("event_id", "value_micros", "currency", "ts_us") == [
        ("1", 1_234_500_000, "EUR", meant("ts_us", "2026-05-21 10:00:00"))
    ]
    assert not any("not known here" in note for note in read.files[0].notes)
