{{ config(pre_hook="{{ begin_file_load() }}") }}
-- depends_on: {{ ref('loaded_files') }}

{%- set files = pending_files(is_full=not is_incremental()) | selectattr('has_rejected_lines') | list %}

{%- if files %}

{{ read_rejected_lines(files) }}

{%- else %}

select
    cast(null as {{ dbt.type_string() }}) as source_file,
    cast(null as {{ dbt.type_string() }}) as line,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_bigint() }}) as load_id,
    cast(null as {{ dbt.type_timestamp() }}) as loaded_at
where false

{%- endif %}
