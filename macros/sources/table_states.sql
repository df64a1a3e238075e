{#-
    What each table was last made of: under which definition (a digest), and of a model that takes in loads, up to which.
    Rows are only ever added, in the transaction that writes the table's own: the lake refuses who deletes from a table while
    somebody else writes to it, and lets who adds. The latest is the one with the highest row id.
    Beside it builds of gold, in the same way: a row when one begins, and one when it ends.
-#}
{% macro create_table_states() %}
    {{- return(adapter.dispatch('create_table_states')()) -}}
{% endmacro %}

{% macro spark__create_table_states() %}
    {% do plugin_function('create_tables', {}) %}
{% endmacro %}

{% macro duckdb__create_table_states() %}
    create schema if not exists bronze;
    create table if not exists {{ log_table('table_states') }} (
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

{#- Select of the latest state of a table, in one row. -#}
{% macro state_of(table_name) -%}
    select
        max_by(definition, {{ row_id_of_table() }}) as definition,
        max_by(load_id, {{ row_id_of_table() }}) as load_id
    from {{ log_table('table_states') }}
    where table_name = '{{ table_name }}'
{%- endmacro %}

{#-
    Digest, as SQL, of what makes a line an event: the mapping, its event types, and the rules of event_id and of
    numbers, by a number that changes with them. And of when the oldest load was: raw_events that was made anew counts loads from 1 again.
-#}
{% macro event_definition(identifier=none) -%}
    md5(concat_ws('|',
        '{{ local_md5(tojson([var('event_mapping'), event_mapping(), var('placeholder_user_ids'), 9 if target.type == 'spark' else 8], sort_keys=true)) }}',
        (
            select {{ dbt.listagg("source_value || '=' || event_type", "','", "order by source_value, event_type") }}
            from {{ ref('event_types') }}
            where event_mapping = {{ sql_text(var('event_mapping')) }}
        ),
        (select min(loaded_at) from {{ ref('loaded_files') }})
        {%- if (identifier or this.identifier) == 'user_days' and event_mapping().get('currency') is not none %},
        '{{ var('currency') or '' }}',
        (select {{ dbt.listagg("concat(currency, '=', rate)", "','", "order by currency") }} from {{ ref('currency_rates') }})
        {%- endif %}
    ))
{%- endmacro %}

{#-
    The last load that this model has taken in; later ones are new to it. 0: it starts over, since it is made anew, what
    makes a line an event has changed, or a file was replaced, whose earlier lines may lie in any day. It starts over whenever
    there is a load to take in where the mapping's `rows` join, group, rank or sort, and so see all lines and may change any
    event. User days do, too, where an event told by a key may move to another day when another version of it arrives, or
    another currency may change what money adds up to.

    starts_over: false asks for the last load taken in even where the model starts over for the sake of the lines themselves.
-#}
{% macro seen_load(starts_over=true) %}
    {% set mapping = event_mapping() %}
    {% set on_every_load = (mapping.get('rows') and not compiled_mapping().by_line) or (this.identifier == 'user_days'
        and (not event_key_is_whole_line() or mapping.get('currency') is not none)) %}
    {% if not is_incremental() or not can_be_read(ref('loaded_files')) %}{% do return(0) %}{% endif %}
    {% do return(looked_up(
        "select coalesce(max(load_id), 0) from (" ~ state_of(this.identifier) ~ ") as state where definition = " ~ event_definition()
        ~ (" and not exists (select 1 from " ~ ref('loaded_files') ~ " as files where files.load_id > state.load_id"
        ~ ("" if on_every_load else " and files.replaces_earlier") ~ ")" if starts_over else "")) | int) %}
{% endmacro %}

{#- Pre-hook of a model that takes in loads: where it starts over nothing of before is left. -#}
{% macro begin_loads() %}
    {{- return(adapter.dispatch('begin_loads')()) -}}
{% endmacro %}

{% macro duckdb__begin_loads() %}
    {% if is_incremental() and execute and not seen_load() %}
        delete from {{ this }};
    {% endif %}
{% endmacro %}

{#- Rows and what finish_loads notes are two transactions: rows of a load that a stopped build had written are written again. -#}
{% macro spark__begin_loads() %}
    {% if is_incremental() and execute %}
        {% set has_load = 'load_id' in adapter.get_columns_in_relation(this) | map(attribute='name') %}
        {% set seen = seen_load() %}
        {{ "delete from " ~ this ~ (" where load_id > " ~ seen if seen else "") if has_load or not seen }}
    {% endif %}
{% endmacro %}

{#- Post-hook, in the same transaction: what is loaded is taken in. -#}
{% macro finish_loads() %}
    {{- return(adapter.dispatch('finish_loads')()) -}}
{% endmacro %}

{% macro duckdb__finish_loads() %}
    insert into {{ log_table('table_states') }} {{ new_state() }};
{% endmacro %}

{#- Of two threads of dbt, each of which read the table that it adds to, Delta would refuse one. -#}
{% macro spark__finish_loads() %}
    {% do plugin_function('forget_rows', {'model': this.identifier}) %}
    {% for row in (run_query(new_state()).rows if execute else []) %}
        insert into {{ log_table('table_states') }} values ({{ sql_text(row[0]) }}, {{ sql_text(row[1]) }}, {{ row[2] }})
    {% endfor %}
{% endmacro %}

{#-
    Select of the state that a model is in once it has taken in what is loaded, as far as what it reads has, under the same
    definition: it may be built without that. No row where it was in it before.
-#}
{% macro new_state() %}
    {%- set read = 'left_out_lines' if this.identifier in ['user_days', 'loads']
        else 'mapped_rows' if this.identifier == 'left_out_lines' and source_rows().identifier == 'mapped_rows' %}
    select '{{ this.identifier }}', definition, load_id
    from (
        select {{ event_definition() }} as definition, (
            select coalesce(max(load_id), 0) from {{ ref('loaded_files') }}
            {{- " where load_id <= (select max(load_id) from (" ~ state_of(read) ~ ") as state where definition = " ~ event_definition(read) ~ ")" if read }}
        ) as load_id
    ) as now
    where not exists (
        select 1 from ({{ state_of(this.identifier) }}) as state
        where state.definition = now.definition and state.load_id = now.load_id
    )
{% endmacro %}
