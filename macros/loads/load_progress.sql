{#-
    Which loads each incremental model has taken in, and under which definition of an event. A row is
    written in the transaction that writes the model's own rows (see `finish_loads`), so a killed build
    never leaves a load half in or counted twice.
-#}
{% macro create_load_progress() %}
    create schema if not exists bronze;
    create table if not exists {{ load_progress() }} (
        model_name {{ dbt.type_string() }} not null,
        load_id {{ dbt.type_bigint() }} not null,
        definition {{ dbt.type_string() }} not null
    );
{% endmacro %}

{% macro load_progress() %}
    {% do return(api.Relation.create(database=target.database, schema='bronze', identifier='load_progress')) %}
{% endmacro %}

{#-
    Digest, as SQL, of what makes a line an event: the mapping, its event types, and the rule of event_id, by a number
    that changes with it.
-#}
{% macro event_definition() -%}
    md5(
        '{{ local_md5(tojson([var('event_mapping'), event_mapping(), 2], sort_keys=true)) }}'
        || coalesce((
            select {{ dbt.listagg("source_value || '=' || event_type", "','", "order by source_value, event_type") }}
            from {{ ref('event_types') }}
            where event_mapping = '{{ var('event_mapping') | replace("'", "''") }}'
        ), '')
    )
{%- endmacro %}

{#- Select of the loads that `of_model` has taken in and this model has not. -#}
{% macro pending_loads(of_model) -%}
    select available.load_id
    from {{ load_progress() }} as available
    where
        available.model_name = '{{ of_model }}'
        {%- if is_incremental() %}
        and not exists (
            select 1 from {{ load_progress() }} as done
            where done.model_name = '{{ this.identifier }}' and done.load_id = available.load_id
        )
        {%- endif %}
{%- endmacro %}

{#-
    Pre-hook of the incremental silver models. A model starts over, in its own transaction, when it is built
    anew, when what makes a line an event has changed, or when a file was replaced (its earlier lines may
    lie in any day).
-#}
{% macro begin_loads(of_model, always_start_over=false) %}
    delete from {{ load_progress() }}
    where
        model_name = '{{ this.identifier }}'
        {%- if is_incremental() and not always_start_over %}
        and (
            definition <> {{ event_definition() }}
            or exists (
                select 1
                from {{ ref('loaded_files') }} as files
                inner join ({{ pending_loads(of_model) }}) as pending on files.load_id = pending.load_id
                where files.replaces_earlier
            )
        )
        {%- endif %};
    {% if is_incremental() %}
        delete from {{ this }}
        where not exists (select 1 from {{ load_progress() }} where model_name = '{{ this.identifier }}');
    {% endif %}
{% endmacro %}

{#- Post-hook, in the same transaction: what was pending is taken in. -#}
{% macro finish_loads(of_model) %}
    insert into {{ load_progress() }}
    select '{{ this.identifier }}' as model_name, available.load_id, {{ event_definition() }} as definition
    from {{ load_progress() }} as available
    where
        available.model_name = '{{ of_model }}'
        and available.load_id not in (
            select done.load_id from {{ load_progress() }} as done where done.model_name = '{{ this.identifier }}'
        );
{% endmacro %}
