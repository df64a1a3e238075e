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
{%- set is_new = "load_id > " ~ seen if seen %}
{%- set hashed = ("cast(null as bigint)" if equal_lines_are_separate() else event_key_hash()) ~ " as key_hash," %}

{%- if seen and seen == latest_load() %}

select * from {{ this }}
where false

{%- else %}

with
{%- if seen and not equal_lines_are_separate() %}
new_keys as (
    select {{ event_key_hash() }} as key_hash
    from {{ source_rows() }}
    where {{ is_new }}
),
{%- endif %}

latest_files as (
    {{ latest_files() }}
),

-- few rows break a rule, are left out or repeat another: a cheap hash of the key finds who may, and only these are compared
suspects as (
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
            select
                mapped_lines.row_id,
                mapped_lines.key_hash,
                mapped_lines.left_out is not null
                or ({{ contract_violations().values() | join(') or (') }}) as is_suspect
            from (
                {{ event_lines(only=is_new, more=hashed) }}
                {%- if seen and not equal_lines_are_separate() %}
                union all
                select * from (
                    {{ event_lines(
                        only="load_id <= " ~ seen ~ " and " ~ event_key_hash() ~ " in (select new_keys.key_hash from new_keys)",
                        more=hashed
                    ) }}
                ) as earlier_lines
                {{ "where " ~ times_of_new_lines(is_new) if event_key_is_whole_line() }}
                {%- endif %}
            ) as mapped_lines
            left join latest_files on mapped_lines.source_file = latest_files.source_file
        ) as checked_lines
    ) as hashed_lines
    where is_suspect or earlier_row_id is not null
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
        {{ event_lines(only="rowid in (select suspect_rows.row_id from suspect_rows)") }}
    ) as mapped_lines
    left join latest_files on mapped_lines.source_file = latest_files.source_file
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

{%- endif %}
