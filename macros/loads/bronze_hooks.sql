{#- Pre-hook of loaded_files: what was registered but never loaded (the build was stopped) is registered anew. -#}
{% macro forget_unfinished_loads() %}
    {% if is_incremental() %}
        delete from {{ this }}
        where load_id not in (select load_id from {{ load_progress() }} where model_name = 'raw_events');
    {% else %}
        delete from {{ load_progress() }} where model_name = 'raw_events';
    {% endif %}
{% endmacro %}

{#-
    Pre-hook of raw_events, the first of its transaction: the columns and types that the pending files need. After it
    DuckDB may delete and append; an alteration after a deletion cannot be committed.
-#}
{% macro settle_raw_columns() %}
    {% if is_incremental() %}
        {% for column in raw_columns(pending_files(false), this).values() if column.type != column.known_type %}
            alter table {{ this }}
            {%- if column.known_type is none %}
            add column {{ sql_name(column.name) }} {{ column.type }};
            {%- else %}
            alter column {{ sql_name(column.name) }} set data type {{ column.type }};
            {%- endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#-
    Pre-hook of raw_events and rejected_lines: lines of earlier versions of a file that was replaced leave,
    and so do lines of a load that was never finished.
-#}
{% macro begin_file_load() %}
    {% if is_incremental() %}
        {% set replaced = pending_files(false) | selectattr('replaces_earlier') | map(attribute='path') | list %}
        delete from {{ this }}
        where
            load_id not in (select load_id from {{ load_progress() }} where model_name = 'raw_events')
            {%- for path in replaced %}
            or source_file = {{ sql_text(path) }}
            {%- endfor %};
    {% endif %}
{% endmacro %}

{#-
    Post-hook of raw_events, in its transaction: every line that was counted in the files is here or among
    the rejected, or nothing is kept (a file may have grown while it was read). Then the load is done.
-#}
{% macro finish_file_load() %}
    {{ return(adapter.dispatch('finish_file_load')()) }}
{% endmacro %}

{% macro default__finish_file_load() %}
    {% do stop("finish_file_load is not written for " ~ target.type ~ ".") %}
{% endmacro %}

{% macro duckdb__finish_file_load() %}
    {#- all in one count first: naming the file reads a text of every line, which DuckDB holds in memory until the commit -#}
    {% set unfinished = "load_id not in (select load_id from " ~ load_progress() ~ " where model_name = 'raw_events')" %}
    {% set difference = run_query(
        "select (select coalesce(sum(line_count - rejected_count), 0) from " ~ ref('loaded_files') ~ " where " ~ unfinished
        ~ ") - (select count(*) from " ~ this ~ " where " ~ unfinished ~ ")").columns[0].values()[0] | int if execute else 0 %}
    {% if difference != 0 %}
    with expected as (
        select source_file, load_id, line_count - rejected_count as lines
        from {{ ref('loaded_files') }}
        where {{ unfinished }}
    ),

    loaded as (
        select source_file, load_id, count(*) as lines
        from {{ this }}
        where load_id in (select load_id from expected)
        group by source_file, load_id
    )

    select
        error(
            'likely_buyers: the file ''' || expected.source_file || ''' has ' || expected.lines
            || ' readable lines by its count and ' || coalesce(loaded.lines, 0)
            || ' were loaded; it seems to have changed while it was read. Nothing of this load was kept:'
            || ' run dbt build again once the delivery is over.'
        )
    from expected
    left join loaded on expected.source_file = loaded.source_file and expected.load_id = loaded.load_id
    where expected.lines <> coalesce(loaded.lines, 0);
    {% endif %}

    insert into {{ load_progress() }}
    select distinct 'raw_events' as model_name, load_id, '' as definition, '{{ invocation_id }}' as invocation_id
    from {{ ref('loaded_files') }}
    where {{ unfinished }};
{% endmacro %}
