{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["event_id", "event_date"] if event_key_is_whole_line() else "event_id",
        pre_hook="{{ begin_loads('raw_events') }}",
        post_hook="{{ finish_loads('raw_events') }}",
    )
}}
-- depends_on: {{ ref('quarantined_events') }}

-- few lines are ever repeated: a cheap hash finds them, and only they are put in order
with repeated_keys as (
    select {{ event_key_hash() }} as key_hash
    from {{ ref('raw_events') }}
    where load_id in ({{ pending_loads('raw_events') }})
    group by 1
    having count(*) > 1
),

single_lines as (
    {{ new_event_lines(repeated=false) }}
),

repeated_lines as (
    {{ new_event_lines(repeated=true) }}
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
        count(*) over (partition by event_id) as line_count
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

-- equal lines are told apart by counting them, so their ids do not depend on who came first
events as (
    select
        numbered_lines.event_id || '-' || cast(
            numbered_lines.line_number + coalesce(known_lines.line_count, 0) as {{ dbt.type_string() }}
        ) as event_id,
        numbered_lines.event_time,
        numbered_lines.event_date,
        numbered_lines.event_type,
        numbered_lines.user_id,
        numbered_lines.session_id,
        numbered_lines.product_id,
        numbered_lines.category,
        numbered_lines.brand,
        numbered_lines.price,
        numbered_lines.quantity,
        1 as line_count
    from numbered_lines
    left join known_lines on numbered_lines.event_id = known_lines.equal_lines_id
),

{%- else %}

new_events as (
    select * from numbered_lines
    where line_number = 1
),

{%- if is_incremental() %}

known_events as (
    select * from {{ this }}
    where
        event_id in (select event_id from new_events)
        {%- if event_key_is_whole_line() %}
        and event_date in (select event_date from new_events)
        {%- endif %}
),

versions as (
    select
        event_id,
        event_time,
        event_date,
        event_type,
        user_id,
        session_id,
        product_id,
        category,
        brand,
        price,
        quantity,
        line_count
    from new_events
    union all
    select * from known_events
),

numbered_versions as (
    select
        *,
        row_number() over (partition by event_id order by {{ event_order() }}) as version_number,
        sum(line_count) over (partition by event_id) as total_line_count
    from versions
),

events as (
    select
        event_id,
        event_time,
        event_date,
        event_type,
        user_id,
        session_id,
        product_id,
        category,
        brand,
        price,
        quantity,
        total_line_count as line_count
    from numbered_versions
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
        event_id,
        event_time,
        event_date,
        event_type,
        user_id,
        session_id,
        product_id,
        category,
        brand,
        price,
        quantity,
        cast(line_count as {{ dbt.type_bigint() }}) as line_count
    from events
)

select * from typed_events
