"""Segments: names, columns, types, what an expression may be, and scores that the order of rows cannot sway."""

import random
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.contacts.expression import FUNCTIONS, TYPES, open_parser, read_expression, write_query
from hygiene.contacts.segments import (
    TYPED,
    Segment,
    evaluate,
    needed_columns,
    needed_words,
    read_segment,
    stored_names,
)
from hygiene.errors import UsageError

AS_OF = datetime(2024, 6, 30, 12, tzinfo=UTC)
ARROW = {"DOUBLE": pa.float64(), "TIMESTAMP": pa.timestamp("us"), "VARCHAR": pa.string()}


def table_of(columns):
    """A DuckDB with one table: words of ours in their types, everything else as text."""
    size = len(next(iter(columns.values())))
    arrays = {"row": pa.array(columns.get("row", range(size)), pa.int64())}
    for name, cells in columns.items():
        if name != "row":
            arrays[name] = pa.array(cells, ARROW[TYPED.get(name, "VARCHAR")])
    connection = duckdb.connect()
    connection.register("given", pa.table(arrays))
    connection.execute("create table list as select * from given")
    return connection


def told(expression, columns, *, as_of=AS_OF, header=()):
    with table_of(columns) as connection:
        found = evaluate(connection, "list", [Segment("s", expression)], as_of=as_of, header=header)["s"]
        return found.rows.tolist(), found.unknown


def refusal(expression, columns=None, **options):
    with pytest.raises(UsageError) as caught:
        told(expression, columns or CUSTOMERS, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("segment 's': ")
    return text.removeprefix("segment 's': ")


def day(number):
    return datetime(2024, 6, 1) + timedelta(days=number)


CUSTOMERS = {
    "orders": [0.0, 1.0, 2.0, 5.0, 9.0],
    "spent": [None, 20.0, 600.0, 510.0, 1000.0],
    "last_order": [None, day(1), day(20), day(29), day(5)],
    "country": ["DE", "DE", "FR", " DE ", "  "],
    "life": ["active", "inactive", "unknown", "active", "active"],
    "Points": ["1", "20", "", " 3.5 ", "-4"],
    "Zip": ["01234", "90210", "10115", "", "75001"],
    "Größe": ["S", "M", "L", "S", "XL"],
    "Signed Up": ["2024-05-01", "2024-05-01T23:00:00Z", "", "2024-05-02 00:30:00+02:00", "2024-06-01 10:00"],
    "a.b": ["x", "y", "x", "y", "x"],
}


# --- names of segments


@pytest.mark.parametrize(
    ("text", "name", "expression"),
    [
        ("vip: spent > 500 and country = 'DE'", "vip", "spent > 500 and country = 'DE'"),
        (" Best buyers.2024 :spent::int > 5", "Best buyers.2024", "spent::int > 5"),
        ("größte_Kunden-1: true", "größte_Kunden-1", "true"),
        ("gro\u0308sste: true", "grösste", "true"),  # one spelling of a name on every disk
        ("cleaned: true", "cleaned", "true"),
    ],
)
def test_a_segment_is_a_name_and_an_expression(text, name, expression):
    assert read_segment(text) == Segment(name, expression)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("spent > 500", "name: expression"),
        ("", "name: expression"),
        ("vip:", "name: expression"),
        (": spent > 5", "name: expression"),
        ("  :  ", "name: expression"),
        ("a/b: true", "letters, digits"),
        ("a\\b: true", "letters, digits"),
        ("a\nb: true", "letters, digits"),
        ("../x: true", "letters, digits"),
        (".hidden: true", "dot"),
        ("..: true", "dot"),
        ("end.: true", "dot"),
        ("x" * 101 + ": true", "100 characters"),
        *((f"{name}: true", "another file") for name in ["clean", "Rejected", "WINBACK", "suppressions"]),
        *((f"{name}: true", "another file") for name in ["flagged", "report", "summary", "manifest"]),
        ("clean.csv: true", "another file"),
        ("nul: true", "another file"),
        ("long: " + "x" * 4001, "4000 characters"),
    ],
)
def test_a_segment_that_cannot_be_is_refused_in_a_sentence(text, why):
    with pytest.raises(UsageError, match=why) as caught:
        read_segment(text)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_segment_or_a_usage_error(text):
    try:
        name = read_segment(text).name
    except UsageError:
        return
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert name.strip() == name != ""


def test_two_segments_of_one_name_are_refused():
    with table_of(CUSTOMERS) as connection, pytest.raises(UsageError, match="two segments are called 'VIP'"):
        evaluate(connection, "list", [Segment("vip", "true"), Segment("VIP", "false")], as_of=AS_OF)


# --- what an expression says


@pytest.mark.parametrize(
    ("expression", "rows", "unknown"),
    [
        ("spent > 500 and country = 'DE'", [3], 2),  # the blanks of rows 0 and 4 could be anything
        ("country = 'DE'", [0, 1, 3], 1),
        ("country is null", [4], 0),
        ("COUNTRY in ('FR', 'IT')", [2], 1),
        ("not (spent > 500)", [1], 1),
        ("spent between 500 and 600", [2, 3], 1),
        ("coalesce(spent, 0) < 100", [0, 1], 0),
        ("life = 'active' or orders > 4", [0, 3, 4], 0),
        ("case when orders > 1 then true else false end", [2, 3, 4], 0),
        ("last_order > as_of - interval 20 days", [2, 3], 1),
        ("last_order > today - interval '1 month'", [1, 2, 3, 4], 1),
        ("last_order < '2024-06-03'", [1], 1),
        ("last_order >= date '2024-06-21'", [2, 3], 1),
        ("extract(month from last_order) = 6", [1, 2, 3, 4], 1),
        ("days_since_order <= 9", [2, 3], 1),
        ("days_since_order = 0", [3], 1),  # 12 hours
        ("points > 3", [1, 3], 1),
        ("Points = 3.5", [3], 1),
        ('"points" < 0', [4], 1),
        ("points like '2%'", [1], 1),
        ("cast(points as varchar) = ' 3.5 '", [3], 1),
        ("length(points) = 1", [0], 1),
        ("zip like '0%'", [0], 1),
        ("zip = '01234'", [0], 1),
        ("größe = 'S'", [0, 3], 0),
        ("GRÖSSE = 'S'", [0, 3], 0),
        ("\"Größe\" in ('XL', 'L')", [2, 4], 0),
        ("lower(größe) = 'm' and 'ü' <> größe", [1], 0),
        ("\"Signed Up\" < '2024-05-01 22:45:00'", [0, 3], 1),  # 00:30 at +02:00 is 22:30 the day before
        ('"signed  up" is null', [2], 0),
        ("a.b = 'x'", [0, 2, 4], 0),
        ("\"a.b\" = 'x'", [0, 2, 4], 0),
        ('"#6" > 3', [1, 3], 1),
        ("true", [0, 1, 2, 3, 4], 0),
        ("null = 1", [], 5),
        ("country = '; drop table list; --'", [], 1),
        ("regexp_matches(country, '^D')", [0, 1, 3], 1),
    ],
)
def test_an_expression_finds_its_rows(expression, rows, unknown):
    header = ["Email", "x", "y", "z", "w", *list(CUSTOMERS)[5:]]
    assert told(expression, CUSTOMERS, header=header) == (rows, unknown)


def test_every_row_is_in_the_segment_or_not_or_unknown():
    inside, unknown = told("spent > 500", CUSTOMERS)
    outside, again = told("not (spent > 500)", CUSTOMERS)
    assert unknown == again
    assert len(inside) + len(outside) + unknown == 5


def test_the_rows_are_numbers_of_the_table_in_order():
    with table_of({"row": [9, 2**33, 4], "spent": [1.0, 2.0, 3.0]}) as connection:
        found = evaluate(connection, "list", [Segment("s", "spent > 0")], as_of=AS_OF)["s"]
    assert found.rows.dtype == "int64"
    assert found.rows.tolist() == [4, 9, 2**33]


def test_several_segments_each_have_their_rows():
    with table_of(CUSTOMERS) as connection:
        both = [Segment("a", "spent > 500"), Segment("b", "points > 3 or spent < 100")]
        found = evaluate(connection, "list", both, as_of=AS_OF)
    assert {name: one.rows.tolist() for name, one in found.items()} == {"a": [2, 3, 4], "b": [1, 3]}


def test_a_moment_with_a_zone_is_taken_in_utc():
    ahead = datetime(2024, 7, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert told(
        "today = date '2024-06-30' and as_of = timestamp '2024-06-30 23:00:00'", {"row": [7]}, as_of=ahead
    ) == (
        [7],
        0,
    )


def test_the_time_zone_of_the_computer_moves_nothing():
    with table_of({"Seen": ["2024-05-01T00:00:00+02:00", "2024-05-01"]}) as connection:
        connection.execute("set timezone = 'America/New_York'")
        segment = Segment("s", "seen = '2024-04-30 22:00:00'")
        assert evaluate(connection, "list", [segment], as_of=AS_OF)["s"].rows.tolist() == [0]


@pytest.mark.parametrize(
    "cells",
    [
        ["1,000", "2"],
        ["€5", "2"],
        ["007", "2"],
        ["+49", "2"],
        ["1234567890123456", "2"],
        [".5", "2"],
        ["nan", "2"],
        ["inf", "2"],
        ["0x10", "2"],
        ["n/a", "2"],
        ["2024-02-30", "2024-02-01"],
        ["1/2/2024", "2"],
    ],
)
def test_a_column_with_anything_but_numbers_or_dates_stays_text(cells):
    assert "unless all its cells are plain numbers" in refusal("x > 1", {"x": cells})
    assert told("x = '2'", {"x": cells})[0] == [i for i, cell in enumerate(cells) if cell == "2"]


def test_a_column_of_blanks_is_unknown_in_every_type():
    blank = {"x": ["", "  ", "\t\u00a0"]}
    for expression in ["x > 5", "x < as_of", "x = 'a'", "lower(x) = 'a'"]:
        assert told(expression, blank) == ([], 3)


def test_a_table_without_rows_has_empty_segments():
    empty = {"x": [], "orders": [], "spent": [], "last_order": []}
    assert told("x > 5 and rfm = '555'", empty) == ([], 0)


# --- which columns


def test_only_the_columns_mentioned_are_needed():
    header = ["Email", "Name", "Points", "Größe"]
    wanted = [Segment("a", "größe = 'S' and spent > 5"), Segment("b", "points > 1 or points < 0")]
    assert needed_columns(wanted, header) == (2, 3)
    assert needed_words(wanted, header) == {"spent"}
    assert needed_columns([], header) == ()


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("recency = 5", {"orders", "spent", "last_order"}),  # who is a customer depends on all three
        ("days_since_activity > 5 and life = 'active'", {"last_activity", "life"}),
        ("as_of > '2024-01-01'", set()),
    ],
)
def test_the_words_behind_a_computed_one_are_needed(expression, words):
    assert needed_words([Segment("s", expression)], ["Email"]) == words


def test_a_bare_word_is_ours_and_a_quoted_one_the_files():
    header = ["Email", "Status", "Country"]
    assert needed_columns([Segment("s", "status = 'subscribed'")], header) == ()
    assert needed_columns([Segment("s", "\"status\" = 'enabled'")], header) == (1,)
    assert needed_columns([Segment("s", '"spent" > 5')], header) == ()
    assert needed_columns([Segment("s", "country = 'DE'")], header, known=["life"]) == (2,)
    columns = {"status": ["subscribed", "unknown"], "#2": ["disabled", "enabled"]}
    assert told("status = 'subscribed'", columns, header=header) == ([0], 0)
    assert told("\"STATUS\" = 'enabled'", columns, header=header) == ([1], 0)


def test_a_column_keeps_its_name_where_it_can():
    header = ["Email", " Points ", "Country", "Tags", "tags", "", "#2", "row", "a\nb"]
    assert stored_names(header) == ("Email", "Points", "#3", "#4", "#5", "#6", "#7", "#8", "#9")


def test_a_column_there_twice_is_named_by_its_number():
    header, columns = ["Email", "Tags", "tags"], {"#2": ["x", "y"], "#3": ["y", "x"]}
    assert '"#2" or "#3"' in refusal("tags = 'x'", columns, header=header)
    assert told("\"#3\" = 'x'", columns, header=header) == ([1], 0)
    assert needed_columns([Segment("s", "\"#3\" = 'x'")], header) == (2,)


def test_names_of_our_own_making_do_not_mix_with_the_files():
    columns = {"column2": ["a", "b"], "column1": ["b", "a"], "prepared": ["b", "b"], "source": ["a", "a"]}
    assert told("column2 = 'a' and column1 = 'b' and prepared = 'b' and source = 'a'", columns) == ([0], 0)
    assert told('"say ""hi""" = \'a\'', {'say "hi"': ["a", "b"]}) == ([0], 0)


# --- what is refused


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("1=1) union select (1=1", "nothing but an expression"),
        ("1=1) union select 1", "syntax error"),
        ("true) from read_csv('/etc/passwd') as x(y) where (true", "nothing but an expression"),
        ("true), (true", "nothing but an expression"),
        ("true) limit (1", "nothing but an expression"),
        ("spent > $1", "nothing but an expression"),
        ("1=1); drop table list; select (1=1", "nothing but an expression"),
        ("1=1; drop table list", "syntax error"),
        ("copy list to '/tmp/x'", "syntax error"),
        ("pragma database_list", "syntax error"),
        ("attach 'x.db'", "attach is not a type"),
        ("attach database 'x.db'", "syntax error"),
        ("spent > 5 limit 1", "syntax error"),
        ("(spent > 5", "syntax error"),
        ("spent > ", "syntax error"),
        ("1 < spent < 3", "Chained"),
        ("spent > 5 -- and country = 'DE'", "a comment"),
        ("spent > 5 /* x */", "a comment"),
        ("spent > 5 /* x", ""),
        ("read_csv('/etc/passwd') is not null", "read_csv is not a function"),
        ("read_text('/etc/passwd') = ''", "read_text is not a function"),
        ("getenv('HOME') = 'x'", "getenv is not a function"),
        ("current_setting('threads') = '1'", "current_setting is not a function"),
        ("random() > 0.5", "random is not a function"),
        ("now() > last_order", "now is not a function"),
        ("age(last_order) > interval 1 day", "age is not a function"),
        ("main.lower(country) = 'de'", "main.lower is not a function"),
        ("sum(spent) > 1", "sum is not a function"),
        ("unnest([spent]) > 1", "unnest is not a function"),
        ("repeat(country, 1000000000) = 'x'", "repeat is not a function"),
        ('"read\nx"(1) = 1', "is not a function"),
        ("(spent, orders) = (1, 2)", "row is not a function"),
        ("exists(select 1)", "a query is not allowed"),
        ("(select true)", "a query is not allowed"),
        ("country in (select name from duckdb_settings())", "a query is not allowed"),
        ("spent > any([1])", "a query is not allowed"),
        ("count(*) over () > 1", "a window function is not allowed"),
        ("list_filter([1], lambda x: x > 1) is null", "is not a function"),
        ("x -> x > 1", "a lambda is not allowed"),
        ("lower(x -> x) = 'a'", "a lambda is not allowed"),
        ("* is null", "* for all columns is not allowed"),
        ("columns('s.*') > 1", "* for all columns is not allowed"),
        ("country collate nocase = 'de'", "collate is not allowed"),
        ("grouping(spent) = 1", "grouping function is not allowed"),
        ("country::json = '1'", "json is not a type"),
        ("last_order::timestamptz > as_of", "is not a type"),
        ("default", "default is not allowed"),
        ("spend > 5", "no column 'spend'; did you mean spent"),
        ('"Pionts" > 5', 'did you mean "Points"?'),
        ('country = "DE"', "a text stands in single quotes"),
        ("current_date > last_order", "no column 'current_date'"),
        ("row > 3", "no column 'row'"),
        ("rowid > 3", "no column 'rowid'"),
        ("status = 'subscribed'", "nothing in this list tells status"),
        ("days_since_activity > 3", "nothing in this list tells last_activity"),
        ("spent", "yes or no, and gives DOUBLE"),
        ("country", "yes or no, and gives VARCHAR"),
        ("null", "yes or no"),
        ("spent > 'many'", "Could not convert string 'many'"),
        ("cast(größe as integer) > 1", "Could not convert string"),
        ("last_order > '2024-02-30'", "it cannot be evaluated"),
        ("regexp_matches(country, '(')", "it cannot be evaluated"),
        ("lower(spent) = '1'", "it cannot be evaluated"),
        ("not " * 900 + "true", "nested too deep"),
        ("(" * 1500 + "true" + ")" * 1500, "nested too deep"),
    ],
)
def test_what_is_not_an_expression_is_refused_in_a_sentence(expression, why):
    assert why in refusal(expression)


def test_a_refusal_leaves_the_table_alone():
    with table_of(CUSTOMERS) as connection:
        for expression in ["1=1); drop table list; select (1=1", "1=1; delete from list"]:
            with pytest.raises(UsageError):
                evaluate(connection, "list", [Segment("s", expression)], as_of=AS_OF)
        assert connection.execute("select count(*) from list").fetchall() == [(5,)]


PIECES = [
    "spent",
    "> 1",
    "(",
    ")",
    "select",
    "'",
    '"',
    ";",
    "--",
    "from list",
    "union",
    "country",
    "and",
    "lower",
    ",",
]


@pytest.fixture(scope="module")
def parser():
    with open_parser() as connection:
        yield connection


@settings(deadline=None, max_examples=200)
@given(text=st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join) | st.text(max_size=20))
def test_whatever_is_typed_reads_no_other_table_or_is_a_usage_error(parser, text):
    try:
        found = read_expression(parser, text)
    except UsageError:
        return
    query = write_query(parser, found, "select true as verdict, n from prepared")
    assert len(parser.extract_statements(query)) == 1
    assert parser.get_table_names(query) == {"prepared"}


def test_every_function_and_type_that_is_allowed_exists():
    with duckdb.connect() as connection:
        found = connection.execute("select function_name, function_type from duckdb_functions()").fetchall()
        kinds = {name: set() for name, _ in found}
        for name, kind in found:
            kinds[name].add(kind)
        types = {
            name.upper() for (name,) in connection.execute("select type_name from duckdb_types()").fetchall()
        }
    assert {name for name in FUNCTIONS if name not in kinds} == set()
    assert {name for name in FUNCTIONS if kinds[name] - {"scalar", "macro"}} == set()
    assert types >= TYPES


# --- recency, frequency, monetary


def score(figure, figures):
    return 1 + 5 * sum(one < figure for one in figures) // len(figures)


def scores_told(word, columns):
    """The score of each row, found by asking for each."""
    wanted = [Segment(str(value), f"{word} = {value}") for value in range(1, 6)]
    with table_of(columns) as connection:
        found = evaluate(connection, "list", wanted, as_of=AS_OF)
    of_row = {row: int(value) for value, one in found.items() for row in one.rows.tolist()}
    return [of_row.get(row) for row in range(len(columns["orders"]))]


figures = st.lists(st.integers(0, 12), min_size=1, max_size=40)


@settings(deadline=None, max_examples=25)
@given(figures, figures)
def test_a_score_counts_who_is_worse(orders, spent):
    size = min(len(orders), len(spent))
    orders, spent = [float(one) for one in orders[:size]], [float(one) or None for one in spent[:size]]
    dates = [day(one) if one else None for one in orders]
    columns = {"orders": orders, "spent": spent, "last_order": dates}
    for word, given_figures in [("frequency", orders), ("monetary", spent), ("recency", dates)]:
        known = [one for one, count in zip(given_figures, orders, strict=True) if count and one is not None]
        expected = [
            score(one, known) if count and one is not None else None
            for one, count in zip(given_figures, orders, strict=True)
        ]
        assert scores_told(word, columns) == expected


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 10, 99, 1000])
def test_a_fifth_at_most_has_the_best_score_and_nobody_is_left_out(size):
    orders = [float(one) for one in range(1, size + 1)]
    random.Random(size).shuffle(orders)
    told_scores = scores_told("frequency", {"orders": orders})
    assert [one for _, one in sorted(zip(orders, told_scores, strict=True))] == sorted(told_scores)
    counts = [told_scores.count(value) for value in range(1, 6)]
    assert sum(counts) == size
    assert counts[4] == size // 5
    assert counts[0] == -(-size // 5)
    assert max(counts) - min(counts) <= 1


def test_all_alike_have_one_score():
    assert told("frequency = 1", {"orders": [1.0] * 9}) == (list(range(9)), 0)


def test_who_has_not_ordered_has_no_score():
    columns = {
        "orders": [0.0, None, None, None, 3.0],
        "spent": [99.0, 5.0, 0.0, None, 1.0],
        "last_order": [None, None, None, day(1), day(2)],
    }
    assert told("monetary is not null", columns) == ([1, 4], 0)
    assert told("recency is not null", columns) == ([3, 4], 0)
    assert told("frequency is not null", columns) == ([4], 0)
    assert told("rfm = '111'", columns)[1] == 4
    assert told("rfm is not null", columns) == ([4], 0)


def test_rfm_is_the_three_scores_in_their_order():
    columns = {
        "orders": [1.0, 2.0, 3.0, 4.0, 5.0],
        "spent": [50.0, 40.0, 30.0, 20.0, 10.0],
        "last_order": [day(3), day(1), day(2), day(5), day(4)],
    }
    assert [told(f"rfm = '{text}'", columns)[0] for text in ["315", "124", "233", "542", "451"]] == [
        [0],
        [1],
        [2],
        [3],
        [4],
    ]


def test_a_score_without_its_figure_is_refused():
    columns = {"orders": [1.0], "spent": [2.0]}
    assert "nothing in this list tells last_order" in refusal("recency = 5", columns)
    assert "nothing in this list tells last_order" in refusal("rfm = '555'", columns)
    assert told("frequency = 1 and monetary = 1", columns) == ([0], 0)


WORDS = ["rfm >= '333'", "recency > 2 or spent > 4", "points > 3", "frequency = 1", "country = 'DE'"]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.none() | st.integers(0, 9),
            st.none() | st.integers(0, 5),
            st.sampled_from(["DE", "", "FR"]),
            st.sampled_from(["1", "7.5", " "]),
        ),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_shuffling_the_rows_changes_no_membership(rows, chance):
    def members(order):
        orders, spent, days, country, points = zip(*(rows[place] for place in order), strict=True)
        columns = {
            "row": order,
            "orders": [float(one) for one in orders],
            "spent": [None if one is None else float(one) for one in spent],
            "last_order": [None if one is None else day(one) for one in days],
            "country": country,
            "Points": points,
        }
        with table_of(columns) as connection:
            wanted = [Segment(f"s{place}", text) for place, text in enumerate(WORDS)]
            found = evaluate(connection, "list", wanted, as_of=AS_OF)
        return {name: (one.rows.tolist(), one.unknown) for name, one in found.items()}

    in_order = list(range(len(rows)))
    shuffled = chance.sample(in_order, len(in_order))
    try:
        expected = members(in_order)
    except UsageError:
        with pytest.raises(UsageError):
            members(shuffled)
    else:
        assert members(shuffled) == expected
