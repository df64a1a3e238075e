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
        definition {{ dbt.type_string() }} not null,
        invocation_id {{ dbt.type_string() }} not null
    );
{% endmacro %}

{% macro load_progress() %}
    {% do return(log_table('load_progress')) %}
{% endmacro %}

{#- A table that hooks keep, beside the models of bronze. -#}
{% macro log_table(name) %}
    {% do return(api.Relation.create(database=target.database, schema='bronze', identifier=name)) %}
{% endmacro %}

{#-
    Digest, as SQL, of what makes a line an event: the mapping, its event types, and the rule of event_id, by a number
    that changes with it.
-#}
{% macro event_definition() -%}
    md5(
        '{{ local_md5(tojson([var('event_mapping'), event_mapping(), var('placeholder_user_ids'), 4], sort_keys=true)) }}'
        || coalesce((
            select {{ dbt.listagg("source_value || '=' || event_type", "','", "order by source_value, event_type") }}
            from {{ ref('event_types') }}
            where event_mapping = '{{ var('event_mapping') | replace("'", "''") }}'
        ), '')
        {%- if this.identifier == 'user_days' and event_mapping().get('currency') is not none %}
        || '{{ var('currency') or '' }}' || coalesce((
            select {{ dbt.listagg("currency || '=' || cast(rate as " ~ dbt.type_string() ~ ")", "','", "order by currency") }}
            from {{ ref('currency_rates') }}
        ), '')
        {%- endif %}
    )
{%- endmacro %}

{#- Select of a text that changes whenever a model took in a load, or took all of them in anew; null if it took in none. -#}
{% macro loads_digest(model_name) -%}
    select md5({{ dbt.listagg(
        "load_id || ':' || invocation_id", "','", "order by load_id"
    ) }})
    from {{ load_progress() }}
    where model_name = '{{ model_name }}'
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

{#- Select of all loads that `of_model` has taken in. -#}
{% macro loads_taken_in(of_model) -%}
    select load_id from {{ load_progress() }} where model_name = '{{ of_model }}'
{%- endmacro %}

{#- Select of all loads that `of_model` has taken in, or of none where this model has taken in all of them. -#}
{% macro loads_if_pending(of_model) -%}
    {{ loads_taken_in(of_model) }} and exists ({{ pending_loads(of_model) }})
{%- endmacro %}

{#- Pre-hook of events, the first of its transaction: a warehouse from before events had a currency gets the column. -#}
{% macro add_currency_to_earlier_events() %}
    {% if is_incremental() and 'currency' not in adapter.get_columns_in_relation(this) | map(attribute='name') %}
        alter table {{ this }} add column currency {{ dbt.type_string() }};
    {% endif %}
{% endmacro %}

{#-
    Pre-hook of events told by a key: those that the new lines speak of leave, to be made of all their versions anew. One
    whose version that is kept is left out on purpose does not come back.
-#}
{% macro remove_touched_events() %}
    {% if is_incremental() and rows_are_by_line() %}
        delete from {{ this }}
        where event_id in (select {{ event_id() }} from ({{ event_lines(pending_loads('raw_events')) }}) as mapped_lines);
    {% endif %}
{% endmacro %}

{#-
    Pre-hook of the incremental silver models. A model starts over, in its own transaction, when it is built
    anew, when what makes a line an event has changed, or when a file was replaced (its earlier lines may
    lie in any day).
    on_every_load: it starts over whenever there is a load to take in.
-#}
{% macro begin_loads(of_model, on_every_load=false) %}
    delete from {{ load_progress() }}
    where
        model_name = '{{ this.identifier }}'
        {%- if is_incremental() %}
        and (
            definition <> {{ event_definition() }}
            or exists (
                select 1
                from {{ ref('loaded_files') }} as files
                inner join ({{ pending_loads(of_model) }}) as pending on files.load_id = pending.load_id
                {%- if not on_every_load %}
                where files.replaces_earlier
                {%- endif %}
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
    select
        '{{ this.identifier }}' as model_name,
        available.load_id,
        {{ event_definition() }} as definition,
        '{{ invocation_id }}' as invocation_id
    from {{ load_progress() }} as available
    where
        available.model_name = '{{ of_model }}'
        and available.load_id not in (
            select done.load_id from {{ load_progress() }} as done where done.model_name = '{{ this.identifier }}'
        );
{% endmacro %}

{#-
    A test of an incremental model that looks only at what is new to it takes its loads from here: those that the
    model has taken in and the test has not passed since.
-#}
{% macro untested_loads(of_model, test_name) -%}
    select taken_in.load_id
    from {{ load_progress() }} as taken_in
    where
        taken_in.model_name = '{{ of_model }}'
        and not exists (
            select 1 from {{ load_progress() }} as passed
            where
                passed.model_name = '{{ test_name }}'
                and passed.load_id = taken_in.load_id
                and passed.invocation_id = taken_in.invocation_id
        )
{%- endmacro %}

{#- At the end of a run: what the test of `of_model` has passed, if it did. -#}
{% macro remember_passed_test(results, test_name, of_model) %}
    {% for result in results if result.status == 'pass' and result.node.name == test_name %}
        delete from {{ load_progress() }} where model_name = '{{ test_name }}';
        insert into {{ load_progress() }}
        select '{{ test_name }}' as model_name, load_id, definition, invocation_id
        from {{ load_progress() }}
        where model_name = '{{ of_model }}';
    {% endfor %}
{% endmacro %}
