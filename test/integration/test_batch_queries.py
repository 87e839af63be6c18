"""Thousands of random records with every anomaly: tables and answers, against plain Python."""

import json
import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contract import CLEAN, KINDS, delta, key_of, post, real, run_dag
from pinion import Server, query, run

ROWS = 2200


class Made:
    """Random records with every anomaly, some keys twice, some missing in one of the three."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.countries = [f"Country {n}" for n in range(40)] + ["Côte d'Ivoire", ""]
        self.posters = [f"Poster {n} \U0001f3a8" for n in range(150)]
        keys = list(range(ROWS))
        self.rows = {
            "pin": [self.pin(k) for k in keys if k % 97] + [self.pin(k) for k in keys[::111]],
            "geo": [self.geo(k) for k in keys if k % 89],
            "user": [self.user(k) for k in keys if k % 83],
        }

    def either(self, chance, rare, usual):
        return self.random.choice(rare) if self.random.random() < chance else usual

    def posted(self, key, usual, row):
        """With one of the key's names; a value that is `...` is a missing key."""
        name = self.either(0.1, ["index", "ind", "idx"], usual)
        return {name: key} | {name: value for name, value in row.items() if value is not ...}

    def pin(self, key):
        count = self.random.choice([
            f"{self.random.randint(1, 999)}k", f"{self.random.randint(1, 9)}M",
            f"{self.random.randint(0, 9)}.{self.random.randint(0, 9)}M",
            str(self.random.randint(0, 999)), f"{self.random.randint(1, 5)}k",
        ])  # fmt: skip
        none = ["", None, ...]
        return self.posted(key, "index", {
            "unique_id": f"id-{key}",
            "title": self.either(0.1, ["No Title Data Available", *none], f"Title\n\"{key}\" é"),
            "description": self.either(
                0.2, ["No description available", "No description available Story format", *none],
                "words " * self.random.randint(1, 40)),
            "poster_name": self.either(
                0.05, ["User Info Error", *none], self.random.choice(self.posters)),
            "follower_count": self.either(0.1, ["User Info Error", "lots", "1.2.3k", *none], count),
            "tag_list": self.either(0.1, ["N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e", *none], "a,b"),
            "is_image_or_video": self.random.choice(
                ["image", "video", "multi-video(story page format)"]),
            "image_src": self.either(
                0.1, ["Image src error.", "Image src error", *none], "https://i/x.jpg"),
            "downloaded": self.random.randint(0, 1),
            "save_location": self.either(0.1, ["nowhere", *none], "Local save in /data/x"),
            "category": self.either(
                0.05, none, self.random.choice(["art", "beauty", "diy-and-crafts", "travel"])),
        })  # fmt: skip

    def date(self, year, years):
        when = datetime(year, 1, 1) + timedelta(seconds=self.random.randrange(years * 31_536_000))
        form = self.random.choice(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y, %H:%M:%S",
                                   "%Y:%m:%d %H:%M:%S", "$date"])  # fmt: skip
        if form == "$date":
            return {"$date": when.strftime("%Y-%m-%dT%H:%M:%SZ")}
        none = ["soon", "2019-02-30 00:00:00", "", None, ...]
        return self.either(0.03, none, when.strftime(form))

    def geo(self, key):
        country = self.countries[min(int(self.random.expovariate(0.15)), len(self.countries) - 1)]
        return self.posted(key, "ind", {
            "timestamp": self.date(2017, 6),
            "latitude": self.either(0.02, [None, ..., 0, -90], self.random.uniform(-90, 90)),
            "longitude": self.either(0.02, [None, ..., 0, 180], self.random.uniform(-180, 180)),
            "country": self.either(0.03, [None, ...], country),
        })  # fmt: skip

    def user(self, key):
        first = self.random.choice(["Ana", "Björn", "Chloé", "Dan"])
        last = f"{self.random.choice('ABCDEFGHIJ')}{self.random.randint(0, 40)}"
        return self.posted(key, "ind", {
            "first_name": self.either(0.03, [None, ..., ""], first),
            "last_name": self.either(0.03, [None, ...], last),
            "age": self.either(0.05, [None, ..., 0, 17, 18, 24, 25, 35, 36, 50, 51, 120],
                               self.random.randint(15, 60)),
            "date_joined": self.date(2015, 3),
        })  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    data = tmp_path_factory.mktemp("made") / "data"
    made = Made(20261123)
    with Server(data, "--set", "sink.flush_size=500") as server:
        for kind, rows in made.rows.items():
            for start in range(0, len(rows), 100):
                post(server.url, kind, rows[start : start + 100])
        run_dag(data)
    made.data = data
    made.clean = {kind: [CLEAN[kind](row) for row in rows] for kind, rows in made.rows.items()}
    return made


def counted(rows):
    return Counter(json.dumps(row, sort_keys=True, default=str) for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_are_cleaned(made, kind):
    assert counted(delta(made.data, f"transformed/{kind}").to_pylist()) == counted(
        made.clean[kind]
    )
    assert delta(made.data, "dead_letters").num_rows == 0


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_are_loaded_as_they_are(made, kind):
    table = delta(made.data, f"raw/{kind}")
    key = "index" if kind == "pin" else "ind"

    def raw(row):
        values = {name: row.get(name) for name in table.column_names} | {key: key_of(row)}
        return {
            name: value["$date"] if isinstance(value, dict)
            else real(value) if name in ("latitude", "longitude")
            else value
            for name, value in values.items()
        }  # fmt: skip

    assert counted(table.to_pylist()) == counted(map(raw, made.rows[kind]))


def age_group(age):
    for name, least, most in (("18-24", 18, 24), ("25-35", 25, 35), ("36-50", 36, 50)):
        if age is not None and least <= age <= most:
            return name
    return "+50"


def year(when):
    return None if when is None else when.year


def grouped(pairs):
    groups = {}
    for group, value in pairs:
        groups.setdefault(group, []).append(value)
    return groups


def lower_median(values):
    return sorted(values)[(len(values) + 1) // 2 - 1]


class Answers:
    """The nine answers, from the clean rows, as sets of tuples."""

    def __init__(self, clean):
        places = grouped((row["ind"], row) for row in clean["geo"])
        people = grouped((row["ind"], row) for row in clean["user"])
        self.users = clean["user"]
        self.with_geo = [(p, g) for p in clean["pin"] for g in places.get(p["ind"], [])]
        self.with_user = [(p, u) for p in clean["pin"] for u in people.get(p["ind"], [])]

    def most(self, pairs, ties):
        answer = set()
        for group, values in grouped(pairs).items():
            counts = Counter(values)
            top = max(counts.values())
            best = [value for value, count in counts.items() if count == top]
            if not ties:
                best = [min(best, key=lambda value: (value is None, value or ""))]
            answer |= {(group, value, top) for value in best}
        return answer

    def medians(self, pairs):
        groups = grouped((group, value) for group, value in pairs if value is not None)
        return {(group, lower_median(values)) for group, values in groups.items()}

    def popular_category_by_country(self):
        return self.most(((g["country"], p["category"]) for p, g in self.with_geo), True)

    def popular_category_by_year(self):
        return self.most(((year(g["timestamp"]), p["category"]) for p, g in self.with_geo), True)

    def most_followed_user_by_country(self):
        def order(pin):
            count, name = pin["follower_count"], pin["poster_name"]
            return (count is None, -(count or 0), name is None, name or "")

        groups = grouped((g["country"], p) for p, g in self.with_geo)
        best = {country: min(pins, key=order) for country, pins in groups.items()}
        return {(country, p["poster_name"], p["follower_count"]) for country, p in best.items()}

    def country_with_most_followed_user(self):
        top = max(p["follower_count"] or 0 for p, _ in self.with_geo)
        countries = {g["country"] for p, g in self.with_geo if p["follower_count"] == top}
        return {(min(country for country in countries if country is not None), top)}

    def popular_category_by_age_group(self):
        return self.most(((age_group(u["age"]), p["category"]) for p, u in self.with_user), False)

    def median_followers_by_age_group(self):
        return self.medians((age_group(u["age"]), p["follower_count"]) for p, u in self.with_user)

    def users_joined_by_year(self):
        dates = grouped((u["user_name"], u["date_joined"]) for u in self.users)
        dates.pop(None, None)
        firsts = [min((d for d in found if d), default=None) for found in dates.values()]
        return set(Counter(map(year, firsts)).items())

    def median_followers_by_joining_year(self):
        return self.medians(
            (year(u["date_joined"]), p["follower_count"]) for p, u in self.with_user
        )

    def median_followers_by_joining_year_and_age_group(self):
        medians = self.medians(
            ((year(u["date_joined"]), age_group(u["age"])), p["follower_count"])
            for p, u in self.with_user
        )
        return {(joined, group, median) for (joined, group), median in medians}


COLUMNS = {
    "popular_category_by_country": ["country", "category", "category_count"],
    "popular_category_by_year": ["post_year", "category", "category_count"],
    "most_followed_user_by_country": ["country", "poster_name", "follower_count"],
    "country_with_most_followed_user": ["country", "follower_count"],
    "popular_category_by_age_group": ["age_group", "category", "category_count"],
    "median_followers_by_age_group": ["age_group", "median_follower_count"],
    "users_joined_by_year": ["post_year", "number_users_joined"],
    "median_followers_by_joining_year": ["post_year", "median_follower_count"],
    "median_followers_by_joining_year_and_age_group":
        ["post_year", "age_group", "median_follower_count"],
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_query_answers_what_plain_python_computes(made, name):
    rows = query(name, made.data)
    assert rows and all(list(row) == COLUMNS[name] for row in rows)
    answered = [tuple(row.values()) for row in rows]
    assert len(set(answered)) == len(answered)
    assert set(answered) == getattr(Answers(made.clean), name)()


def test_queries_are_listed_and_nothing_else(made):
    listed = json.loads(run("query", "--list", "--format", "json", data=made.data).stdout)
    assert {entry["query"] for entry in listed} == set(COLUMNS)
    shipped = Path(__file__).parents[2] / "pipelines/pinterest/queries"
    assert {path.stem for path in shipped.glob("*.sql")} == set(COLUMNS)


def test_ties_and_duplicates_are_among_the_rows(made):
    """The rows above hold what the rules are about; without it the tests would prove nothing."""
    answers = Answers(made.clean)
    countries = [row[0] for row in answers.popular_category_by_country()]
    assert len(countries) > len(set(countries)), "no tie"
    assert any(count > 1 for count in Counter(p["ind"] for p in made.clean["pin"]).values())
    for kind, column in (("pin", "follower_count"), ("geo", "timestamp"), ("user", "user_name")):
        values = [row[column] for row in made.clean[kind]]
        assert None in values and any(value is not None for value in values)
