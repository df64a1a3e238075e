{{
    config(
        on_schema_change="append_new_columns",
        pre_hook=["{{ settle_raw_columns() }}", "{{ begin_file_load() }}"],
        post_hook="{{ finish_file_load() }}",
    )
}}
-- depends_on: {{ ref('event_types') }}

{#- named whenever dbt reads the model, so that what events_relation names is built first -#}
{%- do events_relation_of_dbt() %}
{%- set is_full = not is_incremental() %}
{%- set files = [] %}
{%- set load_id = 0 %}
{#- compiling, linting and making the docs look at no file -#}
{%- if execute and flags.WHICH in ['build', 'run', 'retry'] %}
{%- set load_id = next_load_id(is_full) %}
{%- set files = files_to_read(plan_delivery(is_full, load_id, this)) %}
{%- set columns = raw_columns(files, none if is_full else this, warned=true) %}
{%- do check_files(files, columns) %}
{%- endif %}

{%- if files %}

{{ read_events(files, columns, load_id) }}

{%- else %}

select * from {{ this }}
where false

{%- endif %}
