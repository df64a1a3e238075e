{#-
    Files that are read alike, so that one scan takes them all: [{format, delimiter, columns, types, is_line_by_line,
    load_id, loaded_at, paths}], from registered files (rows of bronze.loaded_files or of inspect_event_files).
-#}
{% macro group_files(files) %}
    {% set groups = {} %}
    {% for file in files if file.columns %}
        {% set key = tojson([file.format, file.delimiter, file.columns, file.get('types'),
            file.get('is_line_by_line', false), file.get('load_id', 0)]) %}
        {% if key not in groups %}
            {% do groups.update({key: {
                'format': file.format, 'delimiter': file.delimiter, 'columns': file.columns,
                'types': file.get('types'),
                'is_line_by_line': file.get('is_line_by_line', false), 'load_id': file.get('load_id', 0),
                'loaded_at': file.get('loaded_at', ''), 'paths': [],
            }}) %}
        {% endif %}
        {% do groups[key].paths.append(file.path) %}
    {% endfor %}
    {% do return(groups.values() | list) %}
{% endmacro %}

{#-
    Registered files that raw_events has not taken in yet (all of them on a full refresh), as group_files
    wants them. is_full: the table is built anew.
-#}
{% macro pending_files(is_full) %}
    {% set files = [] %}
    {% if can_be_read(ref('loaded_files')) %}
        {% set rows = run_query(
            "select source_file, format, delimiter, source_columns, is_line_by_line, load_id,"
            ~ " cast(loaded_at as varchar), rejected_count, replaces_earlier from " ~ ref('loaded_files')
            ~ ("" if is_full else " where load_id not in (select load_id from " ~ load_progress()
            ~ " where model_name = 'raw_events')")
            ~ " order by load_id, source_file").rows %}
        {% for row in rows %}
            {% do files.append({
                'path': row[0], 'format': row[1], 'delimiter': row[2], 'columns': fromjson(row[3]),
                'is_line_by_line': row[4], 'load_id': row[5] | int, 'loaded_at': row[6],
                'has_rejected_lines': row[7] > 0, 'replaces_earlier': row[8],
            }) %}
        {% endfor %}
    {% endif %}
    {% do return(files) %}
{% endmacro %}
