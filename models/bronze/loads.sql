{{
    config(
        materialized="incremental",
        incremental_strategy="append",
        pre_hook="{{ begin_loads() }}",
        post_hook=["{{ tell_loads() }}", "{{ finish_loads() }}"],
    )
}}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('left_out_lines') }}
-- depends_on: {{ ref('events') }}

{%- set seen = seen_load() %}

with loaded_files as (
    select
        *,
        row_number() over (partition by source_file order by load_id desc) as version_number
    from {{ ref('loaded_files') }}
),

files_by_load as (
    select
        load_id,
        max(loaded_at) as loaded_at,
        count(*) as files,
        sum(case when version_number = 1 then line_count else 0 end) as lines
    from loaded_files
    where load_id > {{ seen }} and load_id <= (select load_id from ({{ state_of('left_out_lines') }}) as state)
    group by load_id
),

reasons as (
    select
        load_id,
        'rejected' as fate,
        reason
    from {{ ref('rejected_lines') }}
    where load_id > {{ seen }}
    union all
    select
        load_id,
        case
            when reasons is not null then 'quarantined'
            when left_out_as is not null then 'left_out'
            else 'duplicate'
        end as fate,
        coalesce(reasons, left_out_as, '') as reason
    from {{ ref('left_out_lines') }}
    where load_id > {{ seen }}
),

counted_reasons as (
    select
        load_id,
        fate,
        reason,
        count(*) as line_count
    from reasons
    group by load_id, fate, reason
),

reasons_by_load as (
    select
        load_id,
        {%- for fate in ['rejected', 'left_out', 'quarantined'] %}
        sum(case when fate = '{{ fate }}' then line_count else 0 end) as {{ fate }},
        '{' || {{ dbt.listagg(
            "case when fate = '" ~ fate ~ "' then '\"' || reason || '\": ' || cast(line_count as " ~ dbt.type_string() ~ ") end",
            "', '", "order by line_count desc, reason"
        ) }} || '}' as {{ fate }}_by_reason,
        {%- endfor %}
        sum(case when fate = 'duplicate' then line_count else 0 end) as duplicates,
        sum(case when fate = 'rejected' and reason = 'footer' then line_count else 0 end) as footers
    from counted_reasons
    group by load_id
),

-- the events are read for each of the two: a CTE for both would be kept in memory whole
rows_by_load as (
    select
        load_id,
        count(*) as events,
        count(distinct {{ fast_hash(['user_id']) }}) as users,
        min(event_time) as first_event_time,
        max(event_time) as last_event_time
    from ({{ events(only="load_id > " ~ seen) }}) as new_events
    group by load_id
),

kept_rows as (
    select
        {{ row_id() }} as row_id,
        load_id
    from {{ source_rows() }}
    where load_id > {{ seen }}
),

-- events that were told before: a later version of theirs is kept
replaced_by_load as (
    select
        kept_rows.load_id,
        count(distinct kept_rows.row_id) as events
    from {{ ref('left_out_lines') }} as earlier_lines
    inner join kept_rows
        on earlier_lines.duplicate_of = kept_rows.row_id and earlier_lines.load_id < kept_rows.load_id
    group by kept_rows.load_id
),

revenue_by_currency as (
    select
        load_id,
        coalesce(currency, '') as currency,
        cast(sum(price * quantity) as decimal(38, 2)) as revenue
    from ({{ events(only="load_id > " ~ seen) }}) as new_events
    where event_type = 'purchase' and price is not null
    group by load_id, coalesce(currency, '')
),

revenue_by_load as (
    select
        load_id,
        '{' || {{ dbt.listagg("'\"' || currency || '\": ' || cast(revenue as " ~ dbt.type_string() ~ ")", "', '", "order by currency") }}
        || '}' as revenue_by_currency
    from revenue_by_currency
    group by load_id
),

loads as (
    select
        files_by_load.load_id,
        files_by_load.loaded_at,
        files_by_load.files,
        cast(files_by_load.lines as {{ dbt.type_bigint() }}) as lines,
        cast(coalesce(reasons_by_load.footers, 0) as {{ dbt.type_bigint() }}) as footers,
        cast(coalesce(reasons_by_load.rejected - reasons_by_load.footers, 0) as {{ dbt.type_bigint() }}) as rejected,
        coalesce(reasons_by_load.rejected_by_reason, '{}') as rejected_by_reason,
        cast(coalesce(reasons_by_load.left_out, 0) as {{ dbt.type_bigint() }}) as left_out,
        coalesce(reasons_by_load.left_out_by_reason, '{}') as left_out_by_name,
        cast(coalesce(reasons_by_load.quarantined, 0) as {{ dbt.type_bigint() }}) as quarantined,
        coalesce(reasons_by_load.quarantined_by_reason, '{}') as quarantined_by_reason,
        cast(coalesce(reasons_by_load.duplicates, 0) + coalesce(replaced_by_load.events, 0) as {{ dbt.type_bigint() }}) as duplicates,
        cast(coalesce(rows_by_load.events, 0) - coalesce(replaced_by_load.events, 0) as {{ dbt.type_bigint() }}) as events,
        cast(coalesce(rows_by_load.users, 0) as {{ dbt.type_bigint() }}) as users,
        rows_by_load.first_event_time,
        rows_by_load.last_event_time,
        coalesce(revenue_by_load.revenue_by_currency, '{}') as revenue_by_currency
    from files_by_load
    left join reasons_by_load on files_by_load.load_id = reasons_by_load.load_id
    left join rows_by_load on files_by_load.load_id = rows_by_load.load_id
    left join replaced_by_load on files_by_load.load_id = replaced_by_load.load_id
    left join revenue_by_load on files_by_load.load_id = revenue_by_load.load_id
)

select * from loads
