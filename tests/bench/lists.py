"""A list to clean, shaped like Mailchimp's audience export: ``python -m tests.bench.lists ROWS FILE``.

Every second row is a new person, the others repeat one of them at random. Addresses stand in cells with quoted
commas and line breaks beside them; of a thousand people one has a cell that is to be repaired, one a typo for
gmail.com, and one nothing that is an address.
"""

import sys

import duckdb

QUERY = """
with drawn as (
    select i, case when i % 2 = 0 then i // 2 else (hash(i) % greatest({rows} // 2, 1))::bigint end as drawn
    from range({rows}) rows(i)
),
person as (select i, (drawn * 1000003) % greatest({rows} // 2, 1) as p from drawn),
spelled as (
    select i, p,
        case when p % 11 = 0 then upper(chr((97 + p % 26)::int)) else '' end || 'user' || p
            || case when p % 3 = 0 then '.' || p % 97 else '' end as local,
        case when p % 1000 = 7 then 'gmial.com' when p % 10 < 4 then 'gmail.com'
            when p % 10 < 6 then 'yahoo.com' when p % 10 < 7 then 'hotmail.com'
            else 'shop' || p % 47000 || '.example.com' end as domain,
        '2019-0' || 1 + p % 9 || '-1' || p % 10 as day
    from person
)
select
    case when p % 1000 = 501 then ' ' || local || '@' || domain when p % 1000 = 503 then local
        else local || '@' || domain end as "Email Address",
    'First' || p % 5000 as "First Name",
    'Last' || p % 9000 as "Last Name",
    p % 999 || ' Long St' || case when i % 5 = 0 then chr(10) else ', ' end || p % 99999 as "Address",
    1 + p % 5 as MEMBER_RATING,
    day || ' 10:54:27' as OPTIN_TIME, '' as OPTIN_IP,
    day || ' 10:5' || p % 10 || ':29' as CONFIRM_TIME, '10.1.2.3' as CONFIRM_IP,
    '' as LATITUDE, '' as LONGITUDE, '1' as GMTOFF, '2' as DSTOFF, '' as TIMEZONE, 'DE' as CC, 'BY' as REGION,
    '2023-01-01 00:00:00' as LAST_CHANGED,
    p as LEID, substr(md5(i::varchar), 1, 10) as EUID, '' as NOTES,
    case when i % 4 = 0 then '"vip","x"' else '' end as TAGS
from spelled
"""


def write_list(rows, path):
    """Write the list."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"copy ({QUERY.format(rows=rows)}) to '{path}' (format csv, header)")


if __name__ == "__main__":
    write_list(int(sys.argv[1]), sys.argv[2])
