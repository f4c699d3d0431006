"""A mail log to measure: ``python -m tests.bench.mail_log EVENTS FILE``, as Parquet, CSV or SES JSON lines.

Of 424 mails, sent in 500 campaigns over 80 days, come 1,000 events: 95 % delivered, some deferred first, 4.2 %
bounced, 0.2 % of all bounced late, 0.7 % pending; a third opened by machines, 15 % by people, some several
times; 3 % clicked, some swept by scanners. 1.1 % of the events are repeated, 0.1 % are of no mail. Everything
follows from the number of the mail, so that a log of the same size is the same log. A name that ends in .csv or
.jsonl makes it CSV, or JSON lines as Amazon SES writes them.
"""

import sys
from pathlib import Path

import duckdb

#: numbered mails → events; {mails} of them
EVENTS = """
with numbered as (
    select i, hash(i) as h, hash(i + 7_000_000_000) as g, i % 500 as c,
        1_788_220_800 + (i % 500) * 13_824 + (hash(i) % 3_600)::bigint as sent
    from range({mails}) mails(i)
),
mail as (
    select *, h % 100_000 as fate, (h // 100_000) % 1_000 as opening, (g % 1_000) as clicking,
        'm' || i || '.' || (h % 1_000_000_007) || '@eu.mail.example.com' as message_id,
        'person' || (i * 7_919) % greatest({mails} // 3, 1) || '@' || case when g % 10 < 4 then 'gmail.com'
            when g % 10 < 6 then 'yahoo.com' when g % 10 < 7 then 'outlook.com'
            else 'firm' || g % 20_011 || '.example.com' end as recipient
    from numbered
),
event as (
    select i, message_id, recipient, c, unnest(list_filter([
        {{'kind': 'sent', 'at': sent, 'class': null, 'machine': null, 'url': null}},
        case when fate < 6_000 then
            {{'kind': 'deferred', 'at': sent + 30, 'class': null, 'machine': null, 'url': null}} end,
        case when fate < 95_100 then
            {{'kind': 'delivered', 'at': sent + 1 + (g % 900)::bigint, 'class': null, 'machine': null,
              'url': null}} end,
        case when fate >= 94_900 and fate < 99_300 then
            {{'kind': 'bounced', 'at': sent + 2_000, 'class': case when g % 3 = 0 then 'hard' when g % 3 = 1
                then 'soft' else 'block' end, 'machine': null, 'url': null}} end,
        case when fate < 95_100 and opening < 350 then
            {{'kind': 'opened', 'at': sent + 1_000, 'class': null, 'machine': 'mpp', 'url': null}} end,
        case when fate < 94_900 and opening >= 270 and opening < 420 then
            {{'kind': 'opened', 'at': sent + 3_000 + (g % 90_000)::bigint, 'class': null, 'machine': 'none',
              'url': null}} end,
        case when fate < 94_900 and opening >= 400 and opening < 420 then
            {{'kind': 'opened', 'at': sent + 200_000, 'class': null, 'machine': 'none', 'url': null}} end,
        case when fate < 94_900 and opening >= 320 and opening < 350 then
            {{'kind': 'clicked', 'at': sent + 4_000 + (g % 90_000)::bigint, 'class': null, 'machine': 'none',
              'url': 'https://shop.example.com/products/' || g % 97 || '?utm_campaign=c' || c}} end,
        case when fate < 94_900 and clicking in (4, 5) and opening < 500 then
            {{'kind': 'complained', 'at': sent + 9_000, 'class': null, 'machine': null, 'url': null}} end,
        case when fate < 94_900 and clicking < 3 then
            {{'kind': 'unsubscribed', 'at': sent + 9_500, 'class': null, 'machine': null, 'url': null}} end
    ] || case when fate < 94_900 and clicking between 500 and 503 then list_transform(range(8), lambda n:
        {{'kind': 'clicked', 'at': sent + 950, 'class': null, 'machine': 'none',
          'url': 'https://shop.example.com/link/' || n}}) else [] end, lambda e: e is not null)) as e
    from mail
)
select 'plain' as source, 'e' || i || '-' || e.kind || e.at || copy as event_id, message_id, recipient,
    'campaign-' || c as campaign, 'AB'[1 + i % 2] as variant, null::varchar as segment, null::varchar as stream,
    split_part(recipient, '@', 2) as domain,
    case split_part(recipient, '@', 2) when 'gmail.com' then 'gmail' when 'yahoo.com' then 'yahoo'
        when 'outlook.com' then 'microsoft' else split_part(recipient, '@', 2) end as provider,
    e.kind as kind, e.class as bounce_class,
    case e.class when 'hard' then '5.1.1' when 'soft' then '4.2.2' when 'block' then '5.7.1' end as smtp_status,
    case when e.class is not null then 'said ' || e.class || ' by host ' || i % 50 end as reason,
    e.machine as machine, e.url as url, null::varchar as tracked,
    e.at * 1_000_000 + (hash(i + e.at) % 1_000_000)::bigint as ts_us,
    null::bigint as value_micros, null::varchar as currency, 0::int as file, null::bigint as line
from event, range(case when hash(i * 31 + e.at) % 1_000 < 10 then 2 else 1 end) copies(copy)
where not (i % 1_000 = 13 and e.kind = 'sent')
"""
MAILS_OF_A_THOUSAND = 424

#: the same as Amazon SES writes it, with the headers that it repeats in every event
SES = """
select '{{"eventType":"' || case kind when 'sent' then 'Send' when 'deferred' then 'DeliveryDelay'
        when 'delivered' then 'Delivery' when 'bounced' then 'Bounce' when 'complained' then 'Complaint'
        when 'opened' then 'Open' when 'clicked' then 'Click' else 'Subscription' end
    || '","mail":{{"timestamp":"' || stamp || '","messageId":"' || message_id
    || '","source":"Shop <news@shop.example.com>","sendingAccountId":"123456789012","destination":["'
    || recipient || '"],"headersTruncated":false,'
    || '"headers":[{{"name":"From","value":"Shop <news@shop.example.com>"}},'
    || '{{"name":"To","value":"' || recipient || '"}},{{"name":"Subject","value":"What is new this week"}},'
    || '{{"name":"MIME-Version","value":"1.0"}},{{"name":"Message-ID","value":"<' || message_id || '>"}}],'
    || '"tags":{{"ses:configuration-set":["marketing"],"campaign":["' || campaign || '"]}}}},'
    || case kind when 'sent' then '"send":{{}}'
        when 'delivered' then '"delivery":{{"timestamp":"' || stamp || '","recipients":["' || recipient
            || '"],"processingTimeMillis":546,"smtpResponse":"250 2.6.0 Message received"}}'
        when 'deferred' then '"deliveryDelay":{{"timestamp":"' || stamp
            || '","delayType":"TransientCommunicationFailure",'
            || '"delayedRecipients":[{{"emailAddress":"' || recipient || '","status":"4.4.1"}}]}}'
        when 'bounced' then '"bounce":{{"timestamp":"' || stamp || '","bounceType":"'
            || case bounce_class when 'hard' then 'Permanent' else 'Transient' end
            || '","bounceSubType":"General","bouncedRecipients":[{{"emailAddress":"' || recipient
            || '","status":"' || smtp_status || '","diagnosticCode":"' || reason || '"}}]}}'
        when 'complained' then '"complaint":{{"timestamp":"' || stamp
            || '","complainedRecipients":[{{"emailAddress":"' || recipient || '"}}]}}'
        when 'opened' then '"open":{{"timestamp":"' || stamp
            || '","userAgent":"Mozilla/5.0","ipAddress":"192.0.2.7"}}'
        when 'clicked' then '"click":{{"timestamp":"' || stamp || '","link":"' || url
            || '","userAgent":"Mozilla/5.0 (X11)","ipAddress":"192.0.2.7"}}'
        else '"subscription":{{"timestamp":"' || stamp || '","newTopicPreferences":{{"unsubscribeAll":true}}}}'
        end || '}}' as line
from (select *, strftime(make_timestamp(ts_us), '%Y-%m-%dT%H:%M:%S.%gZ') as stamp from ({events}))
"""


def write_log(events, path):
    """Write the log, in the form that the name of the file says."""
    query = EVENTS.format(mails=events * MAILS_OF_A_THOUSAND // 1000)
    # not in the order of mails, as logs are: by time, more or less
    query = f"select * from ({query}) order by ts_us // 3_600_000_000"
    form = "format parquet, compression zstd" if path.suffix == ".parquet" else "format csv, header"
    if path.suffix == ".jsonl":
        query = SES.format(events=query)
        form = "format csv, header false, quote '', escape '', delimiter '\x01'"
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as connection:
        connection.execute(f"copy ({query}) to '{path}' ({form})")


if __name__ == "__main__":
    write_log(int(sys.argv[1]), Path(sys.argv[2]))
