"""Every member of a declaration and every route of an object has its tests, and every test runs for every object.

The lists below are compared with `ObjectType` and `record_router`: what is added there without a test here fails.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import fields, make_dataclass
from typing import Any

import pytest

from app.api.records import record_router
from app.domain.kernel.object_type import AnyObject, ObjectType
from app.domain.registry import OBJECT_TYPES
from tests.contract import (
    test_bin,
    test_duplicates,
    test_external_ids,
    test_listing,
    test_log,
    test_merge,
    test_phones,
    test_record,
    test_references,
    test_retries,
    test_searching,
    test_sharing,
)
from tests.contract.sample import CATALOG, KINDS, Target
from tests.contract.warranty import WARRANTY, WarrantyService

pytestmark = pytest.mark.quick

Test = Callable[..., Any]
Tests = tuple[Test, ...]
MODULES = (
    test_record,
    test_listing,
    test_references,
    test_external_ids,
    test_bin,
    test_log,
    test_retries,
    test_merge,
    test_phones,
    test_searching,
    test_sharing,
    test_duplicates,
)

MEMBERS: dict[str, Tests] = {
    "name": (
        test_log.test_history_has_one_event_per_effective_write_newest_first,
        test_bin.test_the_bin_shows_what_lies_in_it_latest_first,
    ),
    "plural": (
        test_record.test_what_was_created_is_what_is_read,
        test_record.test_a_key_needs_the_scope_for_what_it_does,
    ),
    "model": (test_record.test_what_was_created_is_what_is_read, test_log.test_the_log_keeps_a_value_as_it_is_shown),
    "create": (
        test_record.test_what_is_left_out_has_its_default,
        test_record.test_every_field_can_be_edited_and_cleared_where_it_may_be_empty,
        test_record.test_a_refused_member_is_named_and_nothing_is_written,
    ),
    "read": (
        test_record.test_what_was_created_is_what_is_read,
        test_record.test_only_the_fields_asked_for_are_shown_in_their_own_order,
        test_listing.test_a_list_holds_what_get_shows,
        test_references.test_a_reference_is_shown_inline_as_get_shows_it,
        test_log.test_every_event_tells_what_changed_and_the_changes_chain_to_the_data,
    ),
    "example": (test_record.test_the_declared_example_can_be_created_as_it_stands,),
    "filterable": (
        test_listing.test_every_filterable_field_filters_with_every_operator_that_fits_it,
        test_listing.test_texts_are_found_by_part_and_by_beginning,
        test_listing.test_money_is_found_by_its_currency,
        test_listing.test_an_operator_or_value_that_does_not_fit_is_refused,
        test_listing.test_what_is_not_declared_neither_filters_nor_sorts,
    ),
    "sortable": (
        test_listing.test_every_sortable_field_sorts_both_ways_with_empty_values_last,
        test_listing.test_what_is_not_declared_neither_filters_nor_sorts,
    ),
    "references": (
        test_references.test_a_reference_is_set_and_cleared,
        test_references.test_an_unknown_a_foreign_and_a_deleted_record_cannot_be_pointed_at_and_answer_the_same,
        test_references.test_what_is_pointed_at_stays_and_the_refusal_names_what_points,
        test_references.test_a_reference_is_shown_inline_as_get_shows_it,
        test_references.test_what_points_back_is_a_list_of_the_newest_that_says_when_there_are_more,
        test_references.test_references_are_followed_two_deep_and_no_deeper,
        test_references.test_no_record_stands_above_itself,
        test_bin.test_a_record_does_not_come_back_before_what_it_refers_to,
    ),
    "unique": (
        test_record.test_a_unique_value_belongs_to_one_record_of_a_tenant,
        test_record.test_of_many_at_once_one_gets_the_unique_value,
        test_bin.test_a_record_does_not_come_back_into_a_taken_unique_value,
    ),
    "unique_together": (test_record.test_what_is_unique_together_belongs_to_one_record_of_a_tenant,),
    "searchable": (
        test_searching.test_a_record_is_found_by_each_of_its_texts_as_long_as_it_is_there,
        test_searching.test_a_record_is_found_by_its_external_ids,
    ),
    "title": (test_searching.test_a_hit_is_named_by_its_title,),
    "matched_by": (test_duplicates.test_a_record_is_a_candidate_for_another_with_the_same_values,),
    "resembles": (test_duplicates.test_a_record_of_another_object_is_a_candidate,),
    "listed": (test_phones.test_of_a_list_the_first_that_says_it_is_the_country,),
    "phones": (test_phones.test_a_national_number_is_one_of_the_tenants_country,),
    "countries": (test_phones.test_the_country_of_a_record_goes_before_the_tenants,),
    "written_by": (test_record.test_who_may_write_is_as_declared,),
    "shared_by": (
        test_sharing.test_a_record_belongs_to_who_creates_it,
        test_sharing.test_nobody_but_its_owner_and_administrators_comes_upon_a_private_record,
        test_sharing.test_what_is_shared_is_seen_by_all_and_changed_by_its_owner,
        test_sharing.test_what_becomes_private_is_gone_for_others_and_no_event_tells_them_more,
        test_sharing.test_what_becomes_shared_shows_nothing_of_what_was_private,
        test_sharing.test_nobody_makes_a_record_for_somebody_else,
    ),
    "default_sort": (test_listing.test_without_a_sort_the_declared_one_holds,),
}
ROUTES: dict[str, Tests] = {
    "GET /": (test_listing.test_a_list_holds_what_get_shows,),
    "POST /": (
        test_record.test_what_was_created_is_what_is_read,
        test_record.test_an_id_may_be_chosen_once,
        test_retries.test_eight_clients_with_one_key_have_one_effect_and_one_answer,
    ),
    "POST /query": (test_listing.test_a_query_in_a_body_gives_the_bytes_of_the_list,),
    "GET /{id}": (
        test_record.test_if_none_match_spares_the_body_of_what_is_known,
        test_log.test_each_version_is_found_at_its_own_time,
        test_log.test_before_its_creation_there_was_no_record_and_the_future_is_not_known,
        test_log.test_what_was_before_the_oldest_kept_event_is_gone,
    ),
    "PATCH /{id}": (
        test_record.test_an_edit_adds_one_version_and_one_that_changes_nothing_adds_none,
        test_record.test_if_match_compares_the_version_and_nothing_else,
        test_merge.test_a_patch_on_an_older_version_merges_as_three_ways_do,
        test_retries.test_a_retried_patch_repeats_its_first_answer_whatever_came_between,
    ),
    "DELETE /{id}": (
        test_bin.test_a_deleted_record_is_gone_from_everywhere_and_comes_back_as_it_was,
        test_bin.test_deletes_and_restores_at_once_have_one_effect_each,
    ),
    "POST /{id}/restore": (
        test_bin.test_a_deleted_record_is_gone_from_everywhere_and_comes_back_as_it_was,
        test_bin.test_a_record_does_not_come_back_into_a_taken_external_id,
        test_retries.test_a_retried_delete_or_restore_repeats_its_first_answer,
    ),
    "GET /{id}/history": (test_log.test_history_pages_and_outlives_the_record,),
    "GET /by/{system}/{externalId}": (test_external_ids.test_a_record_is_found_by_its_external_id,),
    "PUT /by/{system}/{externalId}": (
        test_external_ids.test_an_upsert_creates_then_updates_then_leaves_alone,
        test_external_ids.test_of_twenty_upserts_at_once_one_creates_the_record,
        test_retries.test_eight_upserts_with_one_key_have_one_effect_and_one_answer,
    ),
}


def routes_of(kind: AnyObject) -> set[str]:
    routes = record_router(WarrantyService, CATALOG)
    return {f"{one.method} {one.path.removeprefix('/' + kind.plural) or '/'}" for one in routes}


def covered(test: Test) -> set[str]:
    """The objects that a test runs for, by the parameters that pytest will give it."""
    names = inspect.signature(test).parameters
    if not {"target", "inverse", "one"} & names.keys():
        return {kind.name for kind in KINDS} if {"kind", "life"} & names.keys() else set()
    (mark,) = [one for one in test.pytestmark if one.name == "parametrize"]  # type: ignore[attr-defined]  # set by pytest
    firsts = [one[0] if isinstance(one, tuple) else one for one in mark.args[1]]
    return {(first.kind if isinstance(first, Target) else first).name for first in firsts}


def uncovered(declared: Iterable[str], tests: dict[str, Tests]) -> list[str]:
    return sorted(set(declared) ^ {name for name, one in tests.items() if one})


def test_every_member_of_a_declaration_is_tested() -> None:
    assert uncovered((one.name for one in fields(ObjectType)), MEMBERS) == []


def test_every_route_of_an_object_is_tested() -> None:
    assert uncovered(routes_of(WARRANTY), ROUTES) == []


def test_a_new_member_or_route_without_a_test_is_noticed() -> None:
    wider = make_dataclass("Wider", ["printable"], bases=())
    assert uncovered([*MEMBERS, *(one.name for one in fields(wider))], MEMBERS) == ["printable"]
    assert uncovered([*ROUTES, "POST /{id}/clone"], ROUTES) == ["POST /{id}/clone"]
    assert uncovered(MEMBERS, MEMBERS | {"name": ()}) == ["name"]


def with_member(member: str) -> set[str]:
    """The objects whose declaration says anything there; every record refers to its owner without saying so."""
    return {kind.name for kind in KINDS if member == "references" or getattr(kind, member)}


@pytest.mark.parametrize("member", sorted(MEMBERS))
def test_the_tests_of_a_member_together_run_for_every_object_that_uses_it(member: str) -> None:
    assert set().union(*(covered(test) for test in MEMBERS[member])) == with_member(member)


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_the_tests_of_a_route_run_for_every_object(route: str) -> None:
    for test in ROUTES[route]:
        assert covered(test) == {kind.name for kind in KINDS}, test.__name__


def test_no_object_is_left_out() -> None:
    assert {kind.name for kind in KINDS} == {kind.name for kind in OBJECT_TYPES} | {WARRANTY.name}


def test_every_test_of_these_files_runs_for_an_object() -> None:
    """A test of one object belongs to its module; here nothing names one but the sixth."""
    tests = [one for module in MODULES for name, one in vars(module).items() if name.startswith("test_")]
    alone = [one.__name__ for one in tests if not covered(one)]
    assert alone == ["test_there_is_an_object_to_sort_by_a_number_a_date_a_time_and_money"]


def test_the_sixth_object_uses_every_member_of_a_declaration() -> None:
    """So the generic code knows none of its own five."""
    assert [
        one.name for one in fields(ObjectType) if one.name != "written_by" and not getattr(WARRANTY, one.name)
    ] == []
    assert any(one.acyclic for one in WARRANTY.references.values())
