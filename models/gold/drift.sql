{{ config(materialized="table_on_change") }}

{#- always: dbt is to see that it is read -#}
{%- set user_features = ref('user_features') %}

{#- the columns of the features, as the contract has them: no table need be there to be asked -#}
{%- set features = [] %}
{%- if execute %}
{%- for name in graph.nodes['model.' ~ project_name ~ '.user_features'].columns if name not in ('user_id', 'as_of_date') %}
{%- do features.append(name) %}
{%- endfor %}
{%- endif %}
{#- sqlfluff would read the same hundred selects for minutes -#}
{%- set features = features[:env_var('LIKELY_BUYERS_LINTED_FEATURES', '1000') | int] %}
{#- more values than these are a quantity, and a number of users above this is enough for a distance -#}
{%- set most_categories, few_users = 5, 1000 %}
{#- of one value: its term of the Jensen-Shannon divergence, twice and in nats, and of the chi-squared statistic of two samples -#}
{%- set divergence = "case when share > 0 then share * ln(2 * share / (share + reference_share)) else 0 end"
    ~ " + case when reference_share > 0 then reference_share * ln(2 * reference_share / (share + reference_share)) else 0 end" %}
{%- set chi_squared = "power(share - reference_share, 2) / nullif(share / reference_users + reference_share / all_users, 0)" %}

{%- set inputs %}
scored_users as (
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        count(*) as users
    from {{ ref('predictions') }}
    group by outcome, as_of_date, model_name, model_version
),

-- a name has a number, which takes less room than a text beside each of its values; 0 is the score
names as (
    select
        number,
        name
    from (
        values
        {%- for name in ['probability'] + features %}
        ({{ loop.index0 }}, '{{ name }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as names (number, name)
),

reference_values as (
    select
        distributions.*,
        names.number,
        scored_users.users as scored_users
    from {{ ref('champion_distributions') }} as distributions
    inner join scored_users
        on
            distributions.outcome = scored_users.outcome
            and distributions.model_name = scored_users.model_name
            and distributions.model_version = scored_users.model_version
    inner join names on distributions.name = names.name
)
{%- endset %}

{%- set compared %}
{%- call kept_rows('compared', inputs) %}
    select
        outcome,
        number,
        name,
        kind,
        max(scored_users) as users,
        max(users) as reference_users,
        max(mean) as reference_mean,
        max(spread) as spread,
        max(importance) as importance,
        max(inexact_by) as inexact_by,
        sum(examples) as examples,
        sum(case when value is not null then examples else 0 end) as examples_with_value
    from reference_values
    group by outcome, number, name, kind
{%- endcall %}
{%- endset %}

with {{ inputs }},

compared as ({{ compared }}),

-- Wasserstein distance of order 1 = area between the distribution functions; Kolmogorov and Smirnov's = where they are furthest
-- apart. Divergences are of the shares of all users: those of a missing value come below.
quantities as (
{%- call kept_rows('quantities', inputs ~ ', compared as (' ~ compared ~ ')') %}
    {%- call(outcome, source, condition) by_score_and_feature(features) %}
    select
        '{{ outcome }}' as outcome,
        number,
        count(*) as distinct_values,
        max(users_with_value) as users_with_value,
        {{ exact_sum('share_of_mean') }} as mean,
        {{ exact_sum('height * width') }} as wasserstein,
        max(height) as kolmogorov_smirnov,
        {{ exact_sum('case when place <= ' ~ most_categories ~ ' then ' ~ divergence ~ ' end') }} as value_divergence,
        {{ exact_sum('case when place <= ' ~ most_categories ~ ' then ' ~ chi_squared ~ ' end') }} as value_chi_squared
    from (
        select
            steps.number,
            steps.place,
            steps.users_with_value,
            steps.users * {{ ratio('steps.value', 'steps.users_with_value') }} as share_of_mean,
            abs({{ ratio('users_to_here', 'users_with_value') }} - {{ ratio('examples_to_here', 'examples_with_value') }}) as height,
            case when spread > 0 then least(gap / spread, 1e15) end as width,
            {{ ratio('steps.users', 'compared.users') }} as share,
            {{ ratio('steps.examples', 'compared.examples') }} as reference_share,
            compared.users as all_users,
            compared.reference_users
        from (
            select
                number,
                value,
                users,
                examples,
                sum(users) over (partition by number) as users_with_value,
                sum(users) over to_here as users_to_here,
                sum(examples) over to_here as examples_to_here,
                row_number() over (partition by number order by value) as place,
                lead(value) over (partition by number order by value) - value as gap
            from (
                select
                    number,
                    value,
                    sum(users) as users,
                    sum(examples) as examples
                from (
                    select
                        number,
                        value,
                        1 as users,
                        0 as examples
                    from {{ source }}
                    where value is not null
                    union all
                    select
                        number,
                        value,
                        0 as users,
                        examples
                    from reference_values
                    where outcome = '{{ outcome }}' and value is not null and {{ condition }}
                ) as all_values
                group by number, value
            ) as both_values
            window to_here as (partition by number order by value rows between unbounded preceding and current row)
        ) as steps
        inner join (select * from compared where outcome = '{{ outcome }}') as compared on steps.number = compared.number
    ) as gaps
    group by number
    {%- endcall %}
{%- endcall %}
),

-- a name of which nobody has a value, neither user nor example, is not among the quantities
measured as (
    select
        compared.*,
        coalesce(quantities.users_with_value, 0) as users_with_value,
        coalesce(quantities.distinct_values, 0) as distinct_values,
        coalesce(quantities.distinct_values, 0) <= {{ most_categories }} as is_category,
        coalesce(quantities.value_divergence, 0) as value_divergence,
        coalesce(quantities.value_chi_squared, 0) as value_chi_squared,
        quantities.mean,
        quantities.wasserstein,
        quantities.kolmogorov_smirnov
    from compared
    left join quantities on compared.outcome = quantities.outcome and compared.number = quantities.number
),

presence as (
    {%- for there in [true, false] %}
    select
        outcome,
        number,
        {{ 'false' if there else 'true' }} as is_missing,
        {{ ratio('users_with_value' if there else 'users - users_with_value', 'users') }} as share,
        {{ ratio('examples_with_value' if there else 'examples - examples_with_value', 'examples') }} as reference_share,
        users as all_users,
        reference_users
    from measured
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

presence_divergences as (
    select
        outcome,
        number,
        max(case when is_missing and share + reference_share > 0 then 1 else 0 end) as missing_categories,
        {%- for what, term in [('divergence', divergence), ('chi_squared', chi_squared)] %}
        coalesce({{ exact_sum('case when is_missing then ' ~ term ~ ' end') }}, 0) as missing_{{ what }},
        coalesce({{ exact_sum(term) }}, 0) as presence_{{ what }}{{ ',' if not loop.last }}
        {%- endfor %}
    from presence
    group by outcome, number
),

-- a missing value is one more of a few; of a quantity whether it is missing is one thing, and its value another
divergences as (
    select
        measured.*,
        case when is_category then distinct_values + missing_categories else 2 end as categories,
        {%- for what in ['divergence', 'chi_squared'] %}
        case when is_category then value_{{ what }} + missing_{{ what }} else presence_{{ what }} end as {{ what }}{{ ',' if not loop.last }}
        {%- endfor %}
    from measured
    inner join presence_divergences on measured.outcome = presence_divergences.outcome and measured.number = presence_divergences.number
),

-- what the tests need: the chance of a statistic as large if both were of one distribution
statistics as (
    select
        divergences.*,
        scored_users.as_of_date,
        scored_users.model_name,
        scored_users.model_version,
        least(divergences.users, reference_users) <= {{ few_users }} as is_tested,
        sqrt(greatest(divergence, 0) / 2 / ln(2)) as jensen_shannon,
        sqrt(chi_squared / 2) as root,
        1 / (1 + sqrt(chi_squared / 2) / 2) as t,
        sqrt({{ ratio('users_with_value * reference_users', 'users_with_value + reference_users') }}) as root_of_size
    from divergences
    inner join scored_users on divergences.outcome = scored_users.outcome
),

-- The complementary error function by the Chebyshev fit of Press et al., Numerical Recipes, section 6.2 (1.2e-7 of its value),
-- and the argument of Kolmogorov's distribution by Stephens (1970) for samples of any size.
arguments as (
    select
        statistics.*,
        t * exp(
            -root * root - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (
                0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))))
        ) as complementary_error,
        (root_of_size + 0.12 + 0.11 / nullif(root_of_size, 0)) * kolmogorov_smirnov as kolmogorov
    from statistics
),

-- of the chi-squared distribution with one degree of freedom less than there are categories: at most five
chances as (
    select
        arguments.*,
        case categories
            when 1 then 1
            when 2 then complementary_error
            when 3 then exp(-chi_squared / 2)
            when 4 then complementary_error + sqrt(2 * chi_squared / pi()) * exp(-chi_squared / 2)
            when 5 then exp(-chi_squared / 2) * (1 + chi_squared / 2)
            when 6 then complementary_error + sqrt(2 * chi_squared / pi()) * exp(-chi_squared / 2) * (1 + chi_squared / 3)
        end as chi_squared_p,
        case
            when kolmogorov < 0.3 then 1
            else 2 * (
                {%- for term in range(1, 21) %}
                {{ ('+ ' if term % 2 else '- ') if not loop.first }}exp(-{{ 2 * term * term }} * kolmogorov * kolmogorov)
                {%- endfor %}
            )
        end as kolmogorov_smirnov_p
    from arguments
),

distances as (
    select
        chances.*,
        case
            when is_category then case when is_tested then 'chi_squared' else 'jensen_shannon' end
            when is_tested then 'kolmogorov_smirnov'
            else 'wasserstein'
        end as method,
        case
            when is_category then jensen_shannon
            when is_tested then kolmogorov_smirnov
            else wasserstein
        end as distance,
        case when not is_category then jensen_shannon end as missing_distance,
        -- of two tests of one feature the surer one, twice
        case
            when not is_tested then null
            when is_category then least(chi_squared_p, 1)
            else least(2 * least(chi_squared_p, coalesce(kolmogorov_smirnov_p, 1)), 1)
        end as p_value
    from chances
),

drift as (
    select
        outcome,
        as_of_date,
        model_name,
        model_version,
        cast(row_number() over (partition by outcome order by distance desc nulls last, name asc) as {{ dbt.type_int() }}) as rank,
        kind,
        name,
        method,
        cast(distance as double) as distance,
        cast(missing_distance as double) as missing_distance,
        cast(p_value as double) as p_value,
        case
            -- a difference by chance in one feature of so many is no drift (Bonferroni)
            when is_tested then p_value < cast({{ var('drift_p_value') }} as double) / (count(*) over (partition by outcome))
            else coalesce(distance, 0) > {{ var('drift_distance') }} or coalesce(missing_distance, 0) > {{ var('drift_distance') }}
        end as is_drifted,
        importance,
        cast(importance * wasserstein as double) as effect,
        mean,
        reference_mean,
        {{ ratio('users - users_with_value', 'users') }} as missing_share,
        {{ ratio('examples - examples_with_value', 'examples') }} as reference_missing_share,
        cast(users as {{ dbt.type_bigint() }}) as users,
        cast(examples as {{ dbt.type_bigint() }}) as examples,
        inexact_by
    from distances
)

select * from drift
