{#- True when equal rows are recognised by all their columns, which pins them to one day. -#}
{% macro event_key_is_whole_line() %}
    {% set mapping = event_mapping() %}
    {% do return(equal_lines_are_separate() or not (mapping.get('dedupe_on') or mapping.get('event_id'))) %}
{% endmacro %}

{% macro equal_lines_are_separate() %}
    {% do return(event_mapping().get('dedupe_on') == 'none') %}
{% endmacro %}

{#- A fast hash of what makes a row the event that it is, over the rows of the mapping, in DuckDB's SQL; null where none does. -#}
{% macro event_key_hash() %}
    {%- do return('cast(null as bigint)' if equal_lines_are_separate() else duckdb__fast_hash(compiled_mapping().event_key)) %}
{% endmacro %}

{#- The same, over source_rows(). -#}
{% macro key_hash_of_row() %}
    {{- return(adapter.dispatch('key_hash_of_row')()) -}}
{% endmacro %}

{% macro duckdb__key_hash_of_row() %}{% do return(event_key_hash()) %}{% endmacro %}

{% macro spark__key_hash_of_row() %}{% do return('key_hash') %}{% endmacro %}

{#- Expressions over event_lines that are equal for rows of the same event and no others. -#}
{% macro same_event() %}
    {{- return(adapter.dispatch('same_event')()) -}}
{% endmacro %}

{% macro duckdb__same_event() %}{% do return(compiled_mapping().same_event | join(', ')) %}{% endmacro %}

{#- By the digest: the table that Spark has of the rows holds no second copy of all that a digest is of. -#}
{% macro spark__same_event() %}{% do return('key_digest, key_hash, source_event_id') %}{% endmacro %}

{#- The id of an event, over dated_lines: the source's own, or the MD5 of what makes it the event it is. -#}
{% macro own_id() %}
    {{- return(adapter.dispatch('own_id')()) -}}
{% endmacro %}

{% macro duckdb__own_id() %}{% do return('own_id') %}{% endmacro %}

{#- MD5 is written byte by byte from the lowest one of the number. -#}
{% macro spark__own_id() -%}
    case when key_digest is null then source_event_id
        else lower(regexp_replace(reverse(concat(lpad(hex(key_digest), 16, '0'), lpad(hex(key_hash), 16, '0'))), '(.)(.)', '$2$1')) end
{%- endmacro %}

{#- The columns of silver.events. -#}
{% macro event_columns() -%}
    event_id, event_time, event_date, event_type, user_id, session_id, product_id, category, brand, price, quantity, currency
{%- endmacro %}
