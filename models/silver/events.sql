{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["event_id", "event_date"] if event_key_is_whole_line() else "event_id",
        pre_hook=[
            "{{ add_currency_to_earlier_events() }}",
            "{{ begin_loads('raw_events', on_every_load=not rows_are_by_line()) }}",
            "{{ remove_touched_events() if not event_key_is_whole_line() }}",
        ],
        post_hook="{{ finish_loads('raw_events') }}",
    )
}}
-- depends_on: {{ ref('quarantined_events') }}
-- depends_on: {{ ref('left_out_lines') }}
-- depends_on: {{ ref('loaded_files') }}

{%- set is_whole_line = event_key_is_whole_line() %}
{%- set pending = pending_loads('raw_events') if rows_are_by_line() else loads_if_pending('raw_events') %}
{#- a version that came earlier competes with the new one: all rows of the keys that the new loads touch are looked at -#}
{%- set compared = pending if is_whole_line or not is_incremental() else loads_taken_in('raw_events') %}

-- few rows are ever repeated: a cheap hash finds them, and only they are put in order
with
{%- if compared != pending %} touched_keys as (
    select distinct {{ event_key_hash() }} as key_hash
    from {{ mapped_rows(raw_lines(pending)) }} as mapped_rows
),
{%- endif %}

repeated_keys as (
    select {{ event_key_hash() }} as key_hash
    from {{ mapped_rows(raw_lines(compared)) }} as mapped_rows
    {{ "where " ~ event_key_hash() ~ " in (select key_hash from touched_keys)" if compared != pending }}
    group by 1
    having count(*) > 1
),

single_lines as (
    {{ new_event_lines(pending, event_key_hash() ~ " not in (select key_hash from repeated_keys)") }}
),

repeated_lines as (
    {{ new_event_lines(
        compared, event_key_hash() ~ " in (select key_hash from repeated_keys)", with_left_out=not is_whole_line
    ) }}
),

numbered_lines as (
    select
        *,
        1 as line_number,
        1 as line_count
    from single_lines
    union all
    select
        *,
        row_number() over (partition by event_id order by {{ event_order() }}) as line_number,
        count(case when left_out is null then 1 end) over (partition by event_id) as line_count
    from repeated_lines
),

{%- if equal_lines_are_separate() %}

known_lines as (
    {%- if is_incremental() %}
    select
        substring(event_id, 1, 32) as equal_lines_id,
        count(*) as line_count
    from {{ this }}
    where event_date in (select event_date from numbered_lines)
    group by 1
    {%- else %}
    select
        event_id as equal_lines_id,
        0 as line_count
    from numbered_lines
    where false
    {%- endif %}
),

-- equal rows are told apart by counting them, so their ids do not depend on who came first
events as (
    select
        numbered_lines.event_id || '-' || cast(
            numbered_lines.line_number + coalesce(known_lines.line_count, 0) as {{ dbt.type_string() }}
        ) as event_id,
        {{ event_columns() | replace('event_id, ', '') }},
        1 as line_count
    from numbered_lines
    left join known_lines on numbered_lines.event_id = known_lines.equal_lines_id
),

{%- else %}

-- where the version that is kept is one left out on purpose, there is no event
new_events as (
    select * from numbered_lines
    where line_number = 1 and left_out is null
),

{%- if is_incremental() and is_whole_line %}

known_events as (
    select * from {{ this }}
    where
        event_id in (select event_id from new_events)
        and event_date in (select event_date from new_events)
),

versions as (
    select
        {{ event_columns() }},
        line_count
    from new_events
    union all
    select
        {{ event_columns() }},
        line_count
    from known_events
),

numbered_versions as (
    select
        {{ event_columns() }},
        row_number() over (partition by event_id order by {{ event_order() }}) as version_number,
        sum(line_count) over (partition by event_id) as line_count
    from versions
),

events as (
    select * from numbered_versions
    where version_number = 1
),

{%- else %}

events as (
    select * from new_events
),

{%- endif %}
{%- endif %}

typed_events as (
    select
        {{ event_columns() }},
        cast(line_count as {{ dbt.type_bigint() }}) as line_count
    from events
)

select * from typed_events
