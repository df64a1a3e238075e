-- An event id occurs once. Only days touched by loads that this test has not passed yet are looked at. Ids made of the
-- whole line can only be equal on one day.
with touched_days as (
    {{ untested_days('events', 'assert_event_ids_are_unique') }}
),

repeated_ids as (
    {%- for part in (chunks_by_date(ref('events')) if event_key_is_whole_line() else [none]) %}
    select event_id
    from {{ ref('events') }}
    where
        event_date in (select touched_days.event_date from touched_days)
        {{ "and " ~ part if part }}
    group by event_id
    having count(*) > 1
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select event_id from repeated_ids
