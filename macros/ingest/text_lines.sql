{#-
    Text files as lines, without their header and blank ones: a relation (line, source_file).
    any_bytes reads the bytes as Latin-1, so that no line is lost to a wrong encoding; without it lines
    that are not UTF-8 are skipped.
-#}
{% macro duckdb__text_lines(paths, has_header=false, any_bytes=false, parallel=true) -%}
    (
        select line, source_file
        from read_csv(
            {{ sql_list(paths) }}, columns = {'line': 'VARCHAR'}, auto_detect = false, header = {{ has_header }},
            delim = '{{ '\x01' }}', quote = '', escape = '', filename = 'source_file', max_line_size = 33554432,
            parallel = {{ parallel }}, {{ "encoding = 'latin-1'" if any_bytes else "ignore_errors = true" }}
        )
        where trim(line, chr(13)) <> ''
    )
{%- endmacro %}

{#- Why a line cannot be read, as SQL text; '' for a good line. The one definition behind counting and rejecting. -#}
{% macro duckdb__line_problem(file_format, delimiter, column_count) -%}
    {%- if file_format == 'csv' %}
    case
        when not contains(line, '"') then
            case sign(length(line) - length(replace(line, {{ sql_text(delimiter) }}, '')) - {{ column_count - 1 }})
                when 0 then '' when -1 then 'too few fields' else 'too many fields'
            end
        when regexp_full_match(line, {{ sql_text(duckdb__csv_line_pattern(delimiter, column_count)) }}) then ''
        when regexp_full_match(line, {{ sql_text(duckdb__csv_line_pattern(delimiter)) }})
            then 'too few or too many fields'
        else 'unterminated quote'
    end
    {%- else %}
    case
        when not json_valid(line) then 'not valid JSON'
        when json_type(line) <> 'OBJECT' then 'not a JSON object'
        else ''
    end
    {%- endif %}
{%- endmacro %}

{#- A quoted field, or one that does not begin with a quote. -#}
{% macro duckdb__csv_field_pattern(delimiter) -%}
    {%- do return('(?:"(?:[^"]|"")*"|(?:[^' ~ delimiter ~ '"][^' ~ delimiter ~ ']*)?)') -%}
{%- endmacro %}

{% macro duckdb__csv_line_pattern(delimiter, column_count=none) -%}
    {%- set field = duckdb__csv_field_pattern(delimiter) -%}
    {%- set times = '{' ~ (column_count - 1) ~ '}' if column_count is not none else '*' -%}
    {%- do return('(?:' ~ field ~ '[' ~ delimiter ~ '])' ~ times ~ field) -%}
{%- endmacro %}

{#- True for a line, read as Latin-1, whose bytes are no UTF-8 (the byte patterns of RFC 3629). -#}
{% macro duckdb__is_not_utf8() -%}
    (
        strlen(line) <> length(line)
        and not regexp_full_match(
            line,
            '(?:[\x{00}-\x{7F}]|[\x{C2}-\x{DF}][\x{80}-\x{BF}]|\x{E0}[\x{A0}-\x{BF}][\x{80}-\x{BF}]'
            || '|[\x{E1}-\x{EC}\x{EE}\x{EF}][\x{80}-\x{BF}]{2}|\x{ED}[\x{80}-\x{9F}][\x{80}-\x{BF}]'
            || '|\x{F0}[\x{90}-\x{BF}][\x{80}-\x{BF}]{2}|[\x{F1}-\x{F3}][\x{80}-\x{BF}]{3}'
            || '|\x{F4}[\x{80}-\x{8F}][\x{80}-\x{BF}]{2})*'
        )
    )
{%- endmacro %}
