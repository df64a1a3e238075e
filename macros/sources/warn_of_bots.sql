{#-
    Post-hook of user_days: warns of users with more events a day than people make. They stay what they are, users.
    After the first load only the newest week is looked at, so that an old bot is not news every day.
-#}
{% macro warn_of_bots() %}
    {% if execute %}
        {% set rows = run_query(
            "select user_id, event_date, events from " ~ this ~ " where events > " ~ var('bot_events_per_day')
            ~ ((" and event_date > (select " ~ dbt.dateadd('day', -7, 'max(event_date)') ~ " from " ~ this ~ ")")
                if is_incremental() else "")
            ~ " order by events desc, user_id, event_date limit 3").rows %}
        {% for row in rows %}
            {% do exceptions.warn("likely_buyers: the user '" ~ row[0] ~ "' has " ~ "{:,}".format(row[2] | int)
                ~ " events on " ~ row[1] ~ ", more than people make (vars.bot_events_per_day: "
                ~ var('bot_events_per_day') ~ "). All are counted, and it is scored as any user. To leave it out,"
                ~ " give its events a type of their own in the event mapping (event_type: case when user_id = '"
                ~ row[0] ~ "' then 'bot' else event_type end): they are quarantined then.") %}
        {% endfor %}
    {% endif %}
{% endmacro %}
