{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="row_id",
        pre_hook="{{ begin_loads() }}",
        post_hook=["{{ check_left_over() }}", "{{ finish_loads() }}"],
    )
}}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('rejected_lines') }}

{%- set seen = seen_load() %}
{%- set is_new = "load_id > " ~ seen if seen %}

{%- set key_hash = key_hash_of_row() %}
{%- set new_keys = "(select " ~ key_hash ~ " as key_hash from " ~ source_rows() ~ " where " ~ is_new ~ ")" if seen %}

{#-
    The total order by which one of several versions of the same event is kept. keep: first is the oldest event, of equally
    old ones the version loaded first; last is the version loaded last. Loads are told by their files' time of change and
    name, so that a full refresh keeps what increments kept. What is equal so far goes by content.
-#}
{%- set is_last = event_mapping().get('keep') == 'last' %}
{%- set loaded = [] if event_key_is_whole_line() else ['file_modified_at', 'load_id', 'source_file'] %}
{%- set leading = loaded + ['event_time'] if is_last else ['event_time'] + loaded %}
{%- set event_order -%}
{{ leading | join(' desc nulls last, ' if is_last else ' nulls last, ') }}{{ ' desc' if is_last }} nulls last,
            event_type, user_id, session_id nulls last, product_id nulls last, category nulls last,
            brand nulls last, price nulls last, quantity, currency nulls last, load_id, source_file, row_id
{%- endset %}

{%- set violations = contract_violations() %}

{%- if seen and seen == looked_up("select max(load_id) from " ~ ref('loaded_files')) %}

select * from {{ this }}
where false

{%- else %}

{%- if seen and event_key_is_whole_line() %}
{#- equal to a valid line among the new ones is only what was at the same time: literals spare reading all columns of other days -#}
{%- set span = run_query(
    "select cast(min(event_time) as " ~ dbt.type_string() ~ "), cast(max(event_time) as " ~ dbt.type_string() ~ ") from ("
    ~ event_lines(only=is_new) ~ ") as new_lines left join (" ~ latest_files()
    ~ ") as latest_files on new_lines.source_file = latest_files.source_file where not (" ~ violations.implausible_event_time
    ~ " or " ~ violations.future_event_time ~ ")"
).rows[0] %}
{%- set times_of_new_lines = "event_time between timestamp '" ~ span[0] ~ "' and timestamp '" ~ span[1] ~ "'" if span[0] else 'false' %}
{%- endif %}

with
latest_files as (
    {{ latest_files() }}
),

-- few rows break a rule, are left out or repeat another: a cheap hash of the key finds who may, and only these are compared
suspects as (
{%- call kept_rows('suspects', is_joined=true) %}
    select
        row_id,
        earlier_row_id
    from (
        select
            row_id,
            is_suspect,
            {%- if equal_lines_are_separate() %}
            cast(null as {{ dbt.type_bigint() }}) as earlier_row_id
            {%- else %}
            lag(row_id) over (partition by key_hash order by row_id) as earlier_row_id
            {%- endif %}
        from (
            {{ lines_to_check(event_lines(only=is_new, with_key_hash=true)) }}
            {%- if seen and not equal_lines_are_separate() %}
            union all
            {{ lines_to_check("select * from (" ~ event_lines(
                only="load_id <= " ~ seen ~ " and " ~ key_hash ~ " in (select new_keys.key_hash from " ~ new_keys ~ " as new_keys)",
                with_key_hash=true
            ) ~ ") as earlier_lines " ~ ("where " ~ times_of_new_lines if event_key_is_whole_line() else "")) }}
            {%- endif %}
        ) as checked_lines
    ) as hashed_lines
    where is_suspect or earlier_row_id is not null
{%- endcall %}
),

suspect_rows as (
    select row_id from suspects
    union distinct
    select earlier_row_id as row_id from suspects
),

suspect_lines as (
    select
        mapped_lines.*,
        latest_files.file_modified_at
    from (
        {{ event_lines(only=row_id() ~ " in (select suspect_rows.row_id from suspect_rows)") }}
    ) as mapped_lines
    left join latest_files on mapped_lines.source_file = latest_files.source_file
),

judged as (
    select
        *,
        nullif(trim(
            {%- for name, condition in violations.items() %}
            case when left_out is null and {{ condition }} then '{{ name }} ' else '' end
            {{- " ||" if not loop.last }}
            {%- endfor %}
        ), '') as reasons
    from suspect_lines
),

-- the first version of an event is kept; where that is one left out on purpose there is no event
versions as (
    select
        row_id,
        load_id,
        source_file,
        left_out,
        {%- if equal_lines_are_separate() %}
        row_id as kept_row_id
        {%- else %}
        first_value(row_id) over (partition by {{ same_event() }} order by {{ event_order }}) as kept_row_id
        {%- endif %}
    from judged
    where reasons is null
),

left_out_lines as (
    select
        row_id,
        load_id,
        source_file,
        left_out as left_out_as,
        case when left_out is null then kept_row_id end as duplicate_of,
        cast(null as {{ dbt.type_string() }}) as reasons
    from versions
    where left_out is not null or row_id <> kept_row_id
    union all
    select
        row_id,
        load_id,
        source_file,
        cast(null as {{ dbt.type_string() }}) as left_out_as,
        cast(null as {{ dbt.type_bigint() }}) as duplicate_of,
        reasons
    from judged
    where reasons is not null
)

select * from left_out_lines

{%- endif %}
