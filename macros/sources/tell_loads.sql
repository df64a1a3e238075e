{#- Post-hook of bronze.loads: says what became of the lines of each load that it counted and that has not been replaced whole. -#}
{% macro tell_loads() %}
    {% if execute %}
        {% set seen = seen_load(on_every_load=not rows_are_by_line()) %}
        {% set rows = run_query(
            "select load_in_words(cast(to_json(told) as varchar)) from " ~ this ~ " as told where load_id > " ~ seen
            ~ " and (lines > 0 or load_id = (select max(load_id) from " ~ this ~ ")) order by load_id desc limit 3").rows %}
        {% for row in rows %}{% do log("likely_buyers: " ~ row[0], info=true) %}{% endfor %}
    {% endif %}
{% endmacro %}

{#-
    Post-hook of left_out_lines: warns where more than vars.warn_left_over of the new lines were rejected or quarantined, and
    stops above vars.stop_left_over, before there are events of them.
-#}
{% macro check_left_over() %}
    {% if execute %}
        {% set new = "load_id > " ~ seen_load(on_every_load=not rows_are_by_line()) %}
        {% set broken = "select row_id from " ~ this ~ " where reasons is not null and " ~ new %}
        {% set counts = run_query(
            "select (select count(*) from " ~ source_rows() ~ " where " ~ new ~ "), (select count(*) from " ~ ref('rejected_lines')
            ~ " where reason <> 'footer' and " ~ new ~ "), (select count(*) from (" ~ broken ~ ")), (select count(*) from "
            ~ ref('raw_events') ~ " where " ~ new ~ ")").rows[0] %}
        {% set all = (counts[0] + counts[1]) | int %}
        {% set lost = (counts[1] + counts[2]) | int %}
        {% if all and lost > all * var('warn_left_over') %}
            {% set rows = run_query(
                "select reason, count(*), min(sample) from (select lines.reasons as reason, 'time ' || coalesce(source_event_time, 'none')"
                ~ " || ', type ' || coalesce(source_event_type, 'none') || ', user ' || coalesce(user_id, source_user_id, 'none')"
                ~ " || ', price ' || coalesce(source_price, 'none') || ', quantity ' || coalesce(source_quantity, 'none') as sample from ("
                ~ event_lines(only="rowid in (" ~ broken ~ ")") ~ ") as rows_of_lines inner join " ~ this ~ " as lines on rows_of_lines.row_id"
                ~ " = lines.row_id union all select reason, line from " ~ ref('rejected_lines') ~ " where reason <> 'footer' and " ~ new
                ~ ") group by reason order by count(*) desc, reason limit 5").rows %}
            {% set reasons = [] %}
            {% for row in rows %}{% do reasons.append([row[0], row[1] | int, row[2]]) %}{% endfor %}
            {% set message = source_function('left_over_in_words', {
                'lines': all, 'lost': lost, 'reasons': reasons, 'mapping': var('event_mapping')}) %}
            {% if lost > all * var('stop_left_over') %}
                {% do stop(message ~ " More than vars.stop_left_over (" ~ var('stop_left_over') ~ ") are lost, so the build stops"
                    ~ " before silver; bronze has the lines. Mend the mapping and run dbt build again, or raise stop_left_over (1 never stops).") %}
            {% endif %}
            {% do exceptions.warn("likely_buyers: " ~ message ~ " silver.quarantined_events and bronze.rejected_lines have them.") %}
        {% endif %}
        {% if counts[3] and not counts[0] %}
            {% do stop("the `rows` of the event mapping '" ~ var('event_mapping') ~ "' give no row for " ~ "{:,}".format(counts[3] | int)
                ~ " lines. The build stops before silver; bronze has the lines. Mend the mapping and run dbt build again.") %}
        {% endif %}
        {% do warn_of_imprecise_ids(new) %}
        {% do warn_of_times(new, broken) %}
    {% endif %}
{% endmacro %}

{#- Ids that came as floating numbers beyond what those tell apart. -#}
{% macro warn_of_imprecise_ids(new) %}
    {% for column in compiled_mapping().floating_ids %}
        {% set count = run_query("select count(*) from " ~ source_rows() ~ " where " ~ new ~ " and abs(" ~ sql_name(column.name)
            ~ ") >= 9007199254740992").columns[0].values()[0] %}
        {% if count %}
            {% do exceptions.warn("likely_buyers: the column '" ~ column.name ~ "' has " ~ "{:,}".format(count | int)
                ~ " numbers of 2^53 or more in a floating type, which cannot tell neighbours apart: two ids may have become one "
                ~ column.id ~ ". Deliver it as whole numbers or as text.") %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{#- Times that were read in the wrong order of day and month, and files whose own time of change says nothing. -#}
{% macro warn_of_times(new, broken) %}
    {% set rows = run_query(
        "select count(*), min(source_event_time) from (" ~ event_lines(only="rowid in (" ~ broken ~ " and reasons like '%invalid_event_time%')")
        ~ ") as lines where regexp_matches(source_event_time, '^\\s*([0-9]{1,2})[/.-]([0-9]{1,2})[/.-][0-9]{2,4}')"
        ~ " and (try_cast(regexp_extract(source_event_time, '[0-9]+') as int) > 12"
        ~ " or try_cast(regexp_extract(source_event_time, '[0-9]+[/.-]([0-9]+)', 1) as int) > 12)").rows %}
    {% if rows[0][0] %}
        {% do exceptions.warn("likely_buyers: " ~ rows[0][0] ~ " times, such as '" ~ rows[0][1] ~ "', have a number above 12 where the event mapping"
            ~ " expects the month: day and month are the other way round, and times up to the 12th were read wrong without an error."
            ~ " Give as_utc the right format, '%d/%m/%Y %H:%M:%S' or '%m/%d/%Y %H:%M:%S'.") %}
    {% endif %}
    {% set rows = run_query("select count(*), min(source_file) from " ~ ref('loaded_files') ~ " where modified_at < timestamp '1990-01-01' and "
        ~ new).rows %}
    {% if rows[0][0] %}
        {% do exceptions.warn("likely_buyers: the file '" ~ rows[0][1] ~ "'" ~ ((" and " ~ (rows[0][0] - 1) ~ " others") if rows[0][0] > 1 else "")
            ~ " says that it was changed before 1990, which says nothing: its lines are not checked for times of the future.") %}
    {% endif %}
{% endmacro %}
