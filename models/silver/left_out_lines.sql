{{
    config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="row_id",
        pre_hook="{{ begin_loads(on_every_load=not rows_are_by_line()) }}",
        post_hook=["{{ check_left_over() }}", "{{ finish_loads() }}"],
    )
}}
-- depends_on: {{ source_rows() }}
-- depends_on: {{ ref('event_types') }}
-- depends_on: {{ ref('rejected_lines') }}

{%- set seen = seen_load(on_every_load=not rows_are_by_line()) %}
{%- set is_repeated = "false" if equal_lines_are_separate() else "key_hash in (select repeated_keys.key_hash from repeated_keys)" %}
{%- set is_new = "load_id > " ~ seen if seen %}

with
{%- if not equal_lines_are_separate() %}
{%- if seen %} new_keys as (
    select {{ event_key_hash() }} as key_hash
    from {{ source_rows() }}
    where {{ is_new }}
),
{%- endif %}

-- few rows are ever repeated: a cheap hash finds them, and only they are compared and put in order
repeated_keys as (
    select {{ event_key_hash() }} as key_hash
    from {{ source_rows() }}
    {%- if seen %}
    where {{ event_key_hash() }} in (select new_keys.key_hash from new_keys)
    {%- endif %}
    group by 1
    having count(*) > 1
),
{%- endif %}

suspects as (
    select mapped_lines.*
    from (
        {{ event_lines(
            only="(" ~ is_new ~ " or " ~ event_key_hash() ~ " in (select repeated_keys.key_hash from repeated_keys))"
                if seen and not equal_lines_are_separate() else is_new,
            more=event_key_hash() ~ " as key_hash,"
        ) }}
    ) as mapped_lines
    where
        left_out is not null
        or not ({{ keeps_contract(of_any_file=true) }})
        or {{ is_repeated }}
),

latest_files as (
    {{ latest_files() }}
),

suspects_of_files as (
    select
        suspects.*,
        latest_files.file_modified_at
    from suspects
    left join latest_files on suspects.source_file = latest_files.source_file
),

judged as (
    select
        *,
        nullif(trim(
            {%- for name, condition in contract_violations().items() %}
            case when left_out is null and {{ condition }} then '{{ name }} ' else '' end
            {{- " ||" if not loop.last }}
            {%- endfor %}
        ), '') as reasons
    from suspects_of_files
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
        first_value(row_id) over (partition by {{ same_event() }} order by {{ event_order() }}) as kept_row_id
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
