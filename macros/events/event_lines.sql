{#-
    Select of raw lines seen through the event mapping: the columns of the event contract (null where the row
    has none or cannot be read), what they were before they were typed (source_...), left_out (by which name, or null),
    the expressions that make two rows the same event (event_key_...) and the row's own columns ("source.<name>"). One row
    per row that the mapping's `rows` makes of the lines of the pending loads; without `rows` that is one a line. It types
    and renames, and leaves what is dear (digests, JSON) to who needs it.

    pending: select of the load ids to take in.
    only: a condition on the rows that narrows them.
-#}
{% macro event_lines(pending, only=none) %}
    {%- set row_columns = mapped_row_columns() -%}
    {%- set given = mapped_expressions(row_columns) -%}
    {%- set users = given.user_id -%}
    select
        typed_lines.*,
        coalesce(typed_lines.row_load_id, loaded_files.load_id) as load_id,
        coalesce(event_types.event_type, case when typed_lines.source_event_type in (
            {%- for kind in event_kinds() %}'{{ kind }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) then typed_lines.source_event_type end) as event_type,
        loaded_files.modified_at as file_modified_at
    from (
        select
            given_lines.*,
            {{ typed_time('given_event_time', given.event_time) }} as event_time,
            coalesce(cast(given_event_time as {{ dbt.type_string() }}), event_time_columns) as source_event_time,
            coalesce({% for name in users.names %}{{ name }}, {% endfor %}null) as source_user_id,
            coalesce(
                {%- for name in users.names %}case when {{ is_placeholder(name) }} then null else {{ name }} end, {% endfor -%}
            null) as user_id,
            {{ typed_number('source_price', 'decimal(18, 4)', given.price.type) }} as price,
            {{ typed_number('source_quantity', 'decimal(18, 3)', given.quantity.type) }} as quantity
        from (
            select
                {%- for expression in event_key_expressions(given, row_columns) if not event_key_is_whole_line() %}
                {{ expression }} as event_key_{{ loop.index }},
                {%- endfor %}
                {{ given.event_id.text }} as source_event_id,
                {{ given.event_time.value }} as given_event_time,
                {{ given.event_time.reads }} as event_time_columns,
                {{ given.event_type.text }} as source_event_type,
                {%- for user in users.texts %}
                nullif(trim({{ user }}), '') as {{ users.names[loop.index0] }},
                {%- endfor %}
                {%- for column in ['session_id', 'product_id', 'category', 'brand'] %}
                nullif({{ given[column].text }}, '') as {{ column }},
                {%- endfor %}
                nullif({{ tried_as_text(given.price.value) }}, '') as source_price,
                nullif({{ tried_as_text(given.quantity.value) }}, '') as source_quantity,
                nullif(upper(trim({{ given.currency.text }})), '') as currency,
                {{ left_out_name(row_columns) }} as left_out,
                {%- for column in row_columns %}
                {{ sql_name(column.name) }} as {{ sql_name('source.' ~ column.name) }},
                {%- endfor %}
                source_file,
                load_id as row_load_id
            from {{ mapped_rows(raw_lines(pending)) }} as mapped_rows
            {%- if only %}
            where {{ only }}
            {%- endif %}
        ) as given_lines
    ) as typed_lines
    left join {{ ref('event_types') }} as event_types
        on
            typed_lines.source_event_type = event_types.source_value
            and event_types.event_mapping = {{ sql_text(var('event_mapping')) }}
    left join (
        select
            source_file,
            max(load_id) as load_id,
            max(modified_at) as modified_at
        from {{ ref('loaded_files') }}
        group by source_file
    ) as loaded_files on typed_lines.source_file = loaded_files.source_file
{% endmacro %}

{#- Texts that stand for nobody (vars.placeholder_user_ids), whatever their case. -#}
{% macro is_placeholder(text) -%}
    {%- set texts = [] -%}
    {%- for value in var('placeholder_user_ids') -%}{%- do texts.append(sql_text(value | string | lower)) -%}{%- endfor -%}
    {{ 'lower(' ~ text ~ ') in (' ~ texts | join(', ') ~ ')' if texts else 'false' }}
{%- endmacro %}

{#-
    The name of the first condition of the mapping's leave_out that the row meets, or null. One on a column that no file
    has had so far is not met.
-#}
{% macro left_out_name(row_columns) -%}
    {%- set conditions = {} -%}
    {%- for name, condition in (event_mapping().get('leave_out') or {}).items() if not row_columns or not absent_column(condition, row_columns) -%}
        {%- do conditions.update({name: condition}) -%}
    {%- endfor -%}
    {%- if conditions -%}
    case {% for name, condition in conditions.items() %}
        when coalesce({{ try_expression('(' ~ with_time_zone(condition) ~ ')') }}, false) then {{ sql_text(name) }}
    {%- endfor %} end
    {%- else -%}
    cast(null as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}

{#-
    A number of the contract from the text of a value of this type; a comma is the decimal sign of text where the mapping
    says so.
-#}
{% macro typed_number(text, type, given_type) -%}
    {%- set has_comma = event_mapping().get('decimal') == ',' and given_type == 'VARCHAR' -%}
    {{ try_cast_to('as_number(' ~ text ~ ", ',')" if has_comma else text, type) | trim }}
{%- endmacro %}

{#-
    Contract column -> {value: the mapping's expression, made safe; type: as the engine has it; text: the value as text}.
    The value is null where the mapping has none, or where no file so far had a column that it reads. user_id: {texts,
    names}, for each expression of the list. row_columns: as mapped_row_columns gives them.
-#}
{% macro mapped_expressions(row_columns) %}
    {% set mapping = event_mapping() %}
    {% set known = row_columns | map(attribute='name') | map('lower') | list %}
    {% set given = {} %}
    {% set values = [] %}
    {% set columns = contract_columns() | reject('equalto', 'user_id') | list %}
    {% set users = user_id_expressions() %}
    {% set expressions = [] %}
    {% for column in columns %}{% do expressions.append(mapping.get(column)) %}{% endfor %}
    {% for expression in expressions + users %}
        {% do values.append(try_expression(with_time_zone(expression | string)) | trim if expression else 'null') %}
    {% endfor %}
    {% set types = types_of(values, row_columns) %}
    {% if not types %}
        {#- some read a column that no file has had so far -#}
        {% set present = [] %}
        {% for expression in expressions + users %}
            {% do present.append('null' if not expression or absent_column(expression, row_columns) else values[loop.index0]) %}
        {% endfor %}
        {% set values = present %}
        {% set types = types_of(values, row_columns) or ['VARCHAR'] * values | length %}
    {% endif %}
    {% for column in columns %}
        {% do given.update({column: {
            'value': values[loop.index0] if values[loop.index0] != 'null' or column != 'quantity' else '1',
            'type': types[loop.index0], 'text': as_text(values[loop.index0], types[loop.index0])}}) %}
    {% endfor %}
    {#- what the time was read from, where it could not be -#}
    {% set reads = [] %}
    {% for name in (referenced_columns(mapping.event_time | string, known) if known else []) if name | lower in known %}
        {% do reads.append("cast(" ~ sql_name(name) ~ " as " ~ dbt.type_string() ~ ")") %}
    {% endfor %}
    {% do given.event_time.update({'reads': "nullif(substring(concat_ws(' ', " ~ reads | join(', ') ~ "), 1, 200), '')"
        if reads else 'cast(null as ' ~ dbt.type_string() ~ ')'}) %}
    {% set names, texts = [], [] %}
    {% for user in users %}
        {% set at = columns | length + loop.index0 %}
        {% do names.append('given_user_' ~ loop.index) %}
        {% do texts.append(as_text(values[at], types[at])) %}
    {% endfor %}
    {% do given.update({'user_id': {'names': names, 'texts': texts}}) %}
    {% do return(given) %}
{% endmacro %}

{% macro user_id_expressions() %}
    {% set given = event_mapping().user_id %}
    {% do return([given] if given is string or given is not sequence else given) %}
{% endmacro %}

{#- The engine's types of expressions over the rows; none where it cannot evaluate one of them. -#}
{% macro types_of(values, row_columns) %}
    {% if not (execute and row_columns) %}{% do return(['VARCHAR'] * values | length) %}{% endif %}
    {% set selected = [] %}
    {% for value in values %}{% do selected.append(value ~ ' as c' ~ loop.index) %}{% endfor %}
    {% do return(source_function('query_columns', {
        'query': "select " ~ selected | join(', ') ~ " from (" ~ null_row(row_columns) ~ ") as mapped_rows"}).types) %}
{% endmacro %}

{#- The first column that an expression over the rows reads and they have not, as the engine has it; '' without one. -#}
{% macro absent_column(expression, row_columns) %}
    {% set answer = source_function('query_columns', {'query': "select (" ~ with_time_zone(expression | string) ~ ") as given from ("
        ~ null_row(row_columns) ~ ") as mapped_rows"}) %}
    {% set missing = modules.re.findall(
        'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"', answer.failure or '') %}
    {% do return(missing[0][0] or missing[0][1] if missing else '') %}
{% endmacro %}

{#- Text of an id: a whole number that came in a floating column is written as the number that it is. -#}
{% macro as_text(value, type) -%}
    {%- if type in ('DOUBLE', 'FLOAT') -%}
    case
        when {{ value }} = trunc({{ value }}) and abs({{ value }}) < 1e18 then cast(cast({{ value }} as bigint) as {{ dbt.type_string() }})
        else cast({{ value }} as {{ dbt.type_string() }})
    end
    {%- elif type == 'VARCHAR' and value != 'null' -%}
    {{ value }}
    {%- else -%}
    cast({{ value }} as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}
