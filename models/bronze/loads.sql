{{
    config(
        pre_hook="{{ begin_loads('events', on_every_load=not rows_are_by_line()) }}",
        post_hook=["{{ tell_loads() }}", "{{ finish_loads('events') }}"],
    )
}}
-- depends_on: {{ ref('raw_events') }}
-- depends_on: {{ ref('event_types') }}

{%- set pending = pending_loads('events') if rows_are_by_line() else loads_if_pending('events') %}

with loaded_files as (
    select
        *,
        row_number() over (partition by source_file order by load_id desc) as version_number
    from {{ ref('loaded_files') }}
),

pending_files as (
    select * from loaded_files
    where load_id in ({{ pending }})
),

files_by_load as (
    select
        load_id,
        max(loaded_at) as loaded_at,
        count(*) as files,
        sum(case when version_number = 1 then line_count else 0 end) as lines
    from pending_files
    group by load_id
),

reasons as (
    select
        pending_files.load_id,
        'rejected' as fate,
        rejected_lines.reason,
        1 as line_count
    from {{ ref('rejected_lines') }} as rejected_lines
    inner join pending_files on rejected_lines.load_id = pending_files.load_id and rejected_lines.source_file = pending_files.source_file
    union all
    select
        pending_files.load_id,
        'quarantined' as fate,
        quarantined_events.reasons as reason,
        1 as line_count
    from {{ ref('quarantined_events') }} as quarantined_events
    inner join pending_files on quarantined_events.source_file = pending_files.source_file
    where pending_files.version_number = 1 and pending_files.same_content_as is null
    union all
    select
        load_id,
        'left_out' as fate,
        left_out_as as reason,
        line_count
    from {{ ref('left_out_lines') }}
    where load_id in ({{ pending }})
),

counted_reasons as (
    select
        load_id,
        fate,
        reason,
        sum(line_count) as line_count
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
        sum(case when fate = 'rejected' and reason = 'footer' then line_count else 0 end) as footers
    from counted_reasons
    group by load_id
),

valid_rows as (
    select
        load_id,
        {{ event_id() ~ " as event_id, " if count_events_by_load() -}}
        event_time,
        user_id
    from ({{ event_lines(pending) }}) as mapped_lines
    where left_out is null and {{ keeps_contract() }}
),

-- a digest for few rows only: an event that is told twice is no revenue twice
purchase_rows as (
    select
        load_id,
        {{ "''" if equal_lines_are_separate() else event_id() }} as purchase_id,
        price * coalesce(quantity, 1) as amount,
        currency
    from ({{ event_lines(pending) }}) as mapped_lines
    where event_type = 'purchase' and left_out is null and {{ keeps_contract() }}
),

rows_by_load as (
    select
        load_id,
        count(*) as valid_rows,
        count(distinct {{ fast_hash(['user_id']) }}) as users,
        min(event_time) as first_event_time,
        max(event_time) as last_event_time
    from valid_rows
    group by load_id
),

purchases as (
    {%- if equal_lines_are_separate() %}
    select
        load_id,
        currency,
        amount
    from purchase_rows
    {%- else %}
    select
        load_id,
        max(currency) as currency,
        max(amount) as amount
    from purchase_rows
    group by load_id, purchase_id
    {%- endif %}
),

revenue_by_currency as (
    select
        load_id,
        coalesce(currency, '') as currency,
        cast(sum(amount) as decimal(38, 2)) as revenue
    from purchases
    where amount is not null
    group by load_id, currency
),

revenue_by_load as (
    select
        load_id,
        '{' || {{ dbt.listagg("'\"' || currency || '\": ' || cast(revenue as " ~ dbt.type_string() ~ ")", "', '", "order by currency") }}
        || '}' as revenue_by_currency
    from revenue_by_currency
    group by load_id
),

{%- if count_events_by_load() %}

events_by_load as (
    select
        first_load_id as load_id,
        count(*) as events
    from (
        select
            event_id,
            min(load_id) as first_load_id
        from valid_rows
        group by event_id
    ) as events_of_rows
    group by first_load_id
),

{%- else %}

-- one load: what there is now, less what there was
events_by_load as (
    select
        files_by_load.load_id,
        (select count(*) from {{ ref('events') }})
        {%- if is_incremental() %}
        - (select coalesce(sum(events), 0) from {{ this }})
        {%- endif %} as events
    from files_by_load
),

{%- endif %}

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
        cast(coalesce(rows_by_load.valid_rows, 0) - coalesce(events_by_load.events, 0) as {{ dbt.type_bigint() }}) as duplicates,
        cast(coalesce(events_by_load.events, 0) as {{ dbt.type_bigint() }}) as events,
        cast(coalesce(rows_by_load.users, 0) as {{ dbt.type_bigint() }}) as users,
        rows_by_load.first_event_time,
        rows_by_load.last_event_time,
        coalesce(revenue_by_load.revenue_by_currency, '{}') as revenue_by_currency
    from files_by_load
    left join reasons_by_load on files_by_load.load_id = reasons_by_load.load_id
    left join rows_by_load on files_by_load.load_id = rows_by_load.load_id
    left join events_by_load on files_by_load.load_id = events_by_load.load_id
    left join revenue_by_load on files_by_load.load_id = revenue_by_load.load_id
)

select * from loads
