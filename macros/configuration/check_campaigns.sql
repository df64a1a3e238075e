{#-
    Post-hook of the seed campaigns, in its transaction: a campaign that cannot be listed stops the build with what is
    wrong with it, and the rows of the seed stay what they were.
-#}
{% macro check_campaigns() %}
    {% if execute %}
        {% set problems = run_query(campaign_problems(this)).rows %}
        {% if problems %}
            {% set lines = [] %}
            {% for campaign, problem in problems %}
                {% do lines.append("campaign '" ~ (campaign or '') ~ "' " ~ problem) %}
            {% endfor %}
            {% do stop("seeds/campaigns.csv: " ~ lines | join('; ') ~ ". Mend the file and run dbt build again;"
                ~ " no list was made, and the campaigns known before stay as they are.") %}
        {% endif %}
    {% endif %}
{% endmacro %}

{#- Select of (campaign, problem), one row per campaign and rule that it breaks. -#}
{% macro campaign_problems(campaigns) %}
    {%- set problems = {
        "has no name, or one that begins or ends with a space":
            "campaign is null or campaign <> trim(campaign) or campaign = ''",
        "has no start_date (YYYY-MM-DD)": "start_date is null",
        "gives both top_fraction and size; give one of them, or neither to contact while probability x margin is above"
        ~ " cost_per_contact": "top_fraction is not null and size is not null",
        "needs a top_fraction above 0 and at most 1, or none": "top_fraction <= 0 or top_fraction > 1",
        "needs a size of at least 1, or none": "size < 1",
        "needs a min_probability from 0 to 1, or none": "min_probability < 0 or min_probability > 1",
        "needs a margin of at least 0": "margin is null or margin < 0",
        "needs a cost_per_contact of at least 0": "cost_per_contact is null or cost_per_contact < 0",
        "needs a control_share of at least 0 and below 1":
            "control_share is null or control_share < 0 or control_share >= 1",
    } %}
    {%- for problem, condition in problems.items() %}
    select
        campaign,
        {{ sql_text(problem) }} as problem
    from {{ campaigns }}
    where {{ condition }}
    union all
    {%- endfor %}
    select
        campaign,
        'stands ' || count(*) || ' times' as problem
    from {{ campaigns }}
    group by campaign
    having count(*) > 1
    order by campaign, problem
{% endmacro %}
