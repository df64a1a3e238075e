{#-
    What each table was last made of: under which definition (a digest), and of a model that takes in loads, up to which.
    Rows are only ever added, in the transaction that writes the table's own: the lake refuses who deletes from a table while
    somebody else writes to it, and lets who adds. The latest is the one with the highest row id.
    Beside it builds of gold, in the same way: a row when one begins, and one when it ends.
-#}
{% macro create_table_states() %}
    create schema if not exists bronze;
    create table if not exists {{ table_states() }} (
        table_name {{ dbt.type_string() }} not null,
        definition {{ dbt.type_string() }} not null,
        load_id {{ dbt.type_bigint() }}
    );
    create table if not exists {{ log_table('builds') }} (
        invocation_id {{ dbt.type_string() }} not null,
        snapshot_id {{ dbt.type_bigint() }},
        tables {{ dbt.type_string() }},
        problem {{ dbt.type_string() }}
    );
{% endmacro %}

{% macro table_states() %}
    {% do return(log_table('table_states')) %}
{% endmacro %}

{#- A table that is kept beside the models of bronze. -#}
{% macro log_table(name) %}
    {% do return(api.Relation.create(database=target.database, schema='bronze', identifier=name)) %}
{% endmacro %}

{#- Select of the latest state of a table, in one row. -#}
{% macro state_of(table_name) -%}
    select
        {{ value_at_latest('definition', 'rowid') }} as definition,
        {{ value_at_latest('load_id', 'rowid') }} as load_id
    from {{ table_states() }}
    where table_name = '{{ table_name }}'
{%- endmacro %}

{% macro remember_state(definition) %}
    insert into {{ table_states() }} values ('{{ this.identifier }}', {{ definition }}, null);
{% endmacro %}

{#-
    Digest, as SQL, of what makes a line an event: the mapping, its event types, and the rule of event_id, by a number
    that changes with it. And of when the oldest load was: raw_events that was made anew counts loads from 1 again.
-#}
{% macro event_definition() -%}
    md5(
        '{{ local_md5(tojson([var('event_mapping'), event_mapping(), var('placeholder_user_ids'), 5], sort_keys=true)) }}'
        || coalesce((
            select {{ dbt.listagg("source_value || '=' || event_type", "','", "order by source_value, event_type") }}
            from {{ ref('event_types') }}
            where event_mapping = {{ sql_text(var('event_mapping')) }}
        ), '')
        || coalesce((select cast(min(loaded_at) as {{ dbt.type_string() }}) from {{ ref('loaded_files') }}), '')
        {%- if this.identifier == 'user_days' and event_mapping().get('currency') is not none %}
        || '{{ var('currency') or '' }}' || coalesce((
            select {{ dbt.listagg("currency || '=' || cast(rate as " ~ dbt.type_string() ~ ")", "','", "order by currency") }}
            from {{ ref('currency_rates') }}
        ), '')
        {%- endif %}
    )
{%- endmacro %}

{#-
    The last load that this model has taken in; later ones are new to it. 0: it starts over, since it is made anew, what
    makes a line an event has changed, or a file was replaced, whose earlier lines may lie in any day.
    on_every_load: it starts over whenever there is a load to take in.
-#}
{% macro seen_load(on_every_load=false) %}
    {% if not is_incremental() or not can_be_read(ref('loaded_files')) %}{% do return(0) %}{% endif %}
    {% do return(run_query(
        "select coalesce(max(load_id), 0) from (" ~ state_of(this.identifier) ~ ") as state where definition = " ~ event_definition()
        ~ " and not exists (select 1 from " ~ ref('loaded_files') ~ " as files where files.load_id > state.load_id"
        ~ ("" if on_every_load else " and files.replaces_earlier") ~ ")").columns[0].values()[0] | int) %}
{% endmacro %}

{% macro latest_load() %}
    {% do return(run_query("select max(load_id) from " ~ ref('loaded_files')).columns[0].values()[0]) %}
{% endmacro %}

{#- Pre-hook of a model that takes in loads: where it starts over nothing of before is left. -#}
{% macro begin_loads(on_every_load=false) %}
    {% if is_incremental() and execute and not seen_load(on_every_load) %}
        delete from {{ this }};
    {% endif %}
{% endmacro %}

{#- Post-hook, in the same transaction: what is loaded is taken in. -#}
{% macro finish_loads() %}
    insert into {{ table_states() }}
    select '{{ this.identifier }}', definition, load_id
    from (
        select {{ event_definition() }} as definition, (select max(load_id) from {{ ref('loaded_files') }}) as load_id
    ) as now
    where not exists (
        select 1 from ({{ state_of(this.identifier) }}) as state
        where state.definition = now.definition and state.load_id = now.load_id
    );
{% endmacro %}
