"""polars with deltalake: the pipeline's rules and queries as polars expressions."""

import polars as pl

import batch

TYPES = {"BIGINT": pl.Int64, "DOUBLE": pl.Float64, "STRING": pl.String}

# Texts that mean "nothing here".
NOTHING = [
    "",
    "No Title Data Available",
    "No description available Story format",
    "No description available",
    "User Info Error",
    "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
    "Image src error.",
    "Image src error",
]

report = batch.Report()
report.phase("start")


def save(frame, key):
    frame.sink_delta(f"{report.target}/{key}", mode="overwrite")


def known(name):
    """A text column with its anomalies as null."""
    return pl.when(~pl.col(name).is_in(NOTHING)).then(pl.col(name)).alias(name)


def instant(name):
    """A text as a UTC instant, null when it is none; a space may stand for the T."""
    text = pl.col(name).str.replace(" ", "T", literal=True)
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", time_zone="UTC", strict=False)


def clean_geo(raw):
    return raw.select(
        "ind",
        "country",
        pl.struct("latitude", "longitude").alias("coordinates"),
        instant("timestamp"),
    )


def clean_pin(raw):
    count = pl.col("follower_count")
    unit = pl.when(count.str.ends_with("k")).then(1_000)
    unit = unit.when(count.str.ends_with("M")).then(1_000_000).otherwise(1)
    number = count.str.extract(r"^([0-9]+([.][0-9]+)?)[kM]?$")
    # Rounded before floor() takes the fraction, as 1.1 * 1000 is not a whole number in binary.
    followers = (number.cast(pl.Float64, strict=False) * unit).round(6).floor()
    return raw.select(
        pl.col("index").alias("ind"),
        known("unique_id"),
        known("title"),
        known("description"),
        followers.cast(pl.Int32, strict=False).alias("follower_count"),
        known("poster_name"),
        known("tag_list"),
        known("is_image_or_video"),
        known("image_src"),
        pl.col("save_location").str.extract(r"(?s)(/.*)$"),
        known("category"),
    )


def clean_user(raw):
    return raw.select(
        "ind",
        (pl.col("first_name") + pl.col("last_name")).alias("user_name"),
        "age",
        instant("date_joined"),
    )


for table, columns in batch.RAW.items():
    schema = {name: TYPES[kind] for name, kind in columns.items()}
    save(pl.scan_ndjson(f"{report.source}/{table}.json", schema=schema), f"raw/{table}")
report.phase("load")

for table, rules in {"geo": clean_geo, "pin": clean_pin, "user": clean_user}.items():
    save(rules(pl.scan_delta(f"{report.target}/raw/{table}")), f"transformed/{table}")
report.phase("clean")

pin, geo, user = (pl.scan_delta(f"{report.target}/transformed/{t}") for t in ("pin", "geo", "user"))
age = pl.col("age")
groups = pl.when(age.is_between(18, 24)).then(pl.lit("18-24"))
groups = groups.when(age.is_between(25, 35)).then(pl.lit("25-35"))
groups = groups.when(age.is_between(36, 50)).then(pl.lit("36-50")).otherwise(pl.lit("+50"))
age_group = groups.alias("age_group")
joining_year = pl.col("date_joined").dt.year().alias("post_year")
post_year = pl.col("timestamp").dt.year().alias("post_year")

pins_by_place = pin.join(geo.with_columns(post_year), on="ind")
pins_by_user = pin.join(user.with_columns(age_group, joining_year), on="ind")


def popular_category(frame, key):
    """The categories with the highest count of each key, ties included."""
    counts = frame.group_by(key, "category").agg(pl.len().alias("category_count"))
    highest = pl.col("category_count").max().over(key)
    return counts.filter(pl.col("category_count") == highest).select(
        key, "category", "category_count"
    )


def lower_median(*keys):
    """The follower count at rank ceil(n / 2) of each key."""
    known_counts = pins_by_user.filter(pl.col("follower_count").is_not_null())
    middle = pl.col("follower_count").sort().get((pl.len() - 1) // 2)
    return known_counts.group_by(*keys).agg(middle.alias("median_follower_count"))


def most_followed():
    """The pin with the most followers of each country; the lowest poster_name of equals."""
    order = ["country", "follower_count", "poster_name"]
    ordered = pins_by_place.select("country", "poster_name", "follower_count").sort(
        order, descending=[False, True, False], nulls_last=True
    )
    return ordered.unique("country", keep="first")


def joined_by_year():
    named = user.filter(pl.col("user_name").is_not_null())
    first = named.group_by("user_name").agg(pl.col("date_joined").min())
    return first.group_by(joining_year).agg(pl.len().alias("number_users_joined"))


QUERIES = {
    "popular_category_by_country": popular_category(pins_by_place, "country"),
    "popular_category_by_year": popular_category(pins_by_place, "post_year"),
    "most_followed_user_by_country": most_followed(),
    "country_with_most_followed_user": most_followed()
    .select("country", "follower_count")
    .sort(["follower_count", "country"], descending=[True, False], nulls_last=True)
    .head(1),
    "popular_category_by_age_group": popular_category(pins_by_user, "age_group")
    .group_by("age_group", "category_count")
    .agg(pl.col("category").min())
    .select("age_group", "category", "category_count"),
    "median_followers_by_age_group": lower_median("age_group"),
    "users_joined_by_year": joined_by_year(),
    "median_followers_by_joining_year": lower_median("post_year"),
    "median_followers_by_joining_year_and_age_group": lower_median("post_year", "age_group"),
}
for name, query in QUERIES.items():
    report.answer(name, query.collect().rows())
report.phase("queries")
report.write()
