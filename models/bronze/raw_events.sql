{{
    config(
        on_schema_change="append_new_columns",
        pre_hook=["{{ settle_raw_columns() }}", "{{ begin_file_load() }}"],
        post_hook="{{ finish_file_load() }}",
    )
}}
-- depends_on: {{ ref('loaded_files') }}
-- depends_on: {{ ref('rejected_lines') }}

{%- set files = pending_files(is_full=not is_incremental()) | selectattr('columns') | list %}

{%- if files %}

{{ read_events(files, raw_columns(files, this if is_incremental() else none)) }}

{%- else %}

select * from {{ this }}
where false

{%- endif %}
