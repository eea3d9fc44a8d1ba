"""Publishing on the Hugging Face Hub: chosen episodes and a card, in one commit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from demos.errors import DemonstrationError, explained
from demos.formats.hub_card import dataset_card
from demos.formats.lerobot.export import export_lerobot
from demos.store.schema import CODEBASE_VERSION
from demos.store.store import DemonstrationStore

TOKEN = "HF_TOKEN"
CARD = "README.md"


class HubError(DemonstrationError):
    """The Hub did not take the set; nothing on this machine has changed."""

    name = "not published"
    default_next_move = "Try again later; the demonstrations are safe here."


@dataclass(frozen=True)
class UploadFile:
    """A file of an upload: its path in the repository, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Upload:
    """What was, or by a dry run would be, published. ``url`` is the commit's, None after a dry run."""

    repo_id: str
    files: tuple[UploadFile, ...]
    card: str
    url: str | None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def push_to_hub(
    store: DemonstrationStore,
    repo_id: str,
    episodes: Sequence[str] | None = None,
    *,
    licence: str | None = None,
    language: bool = False,
    private: bool = True,
    dry_run: bool = False,
    endpoint: str | None = None,
) -> Upload:
    """Publish episodes, all or those with these ids, as the data set ``repo_id`` ("owner/name"), private unless asked.

    The repository is made if there is none, and has afterwards these episodes and no others; its tag "v3.0" is what
    LeRobot looks for. The labels go along: the operators' names and notes are among them. ``licence`` is the Hub's name
    of one, such as "cc-by-4.0". The token comes from the environment, HF_TOKEN; a ``dry_run`` needs neither a token nor
    a network.

    Raises HubError if there is no token, if the name cannot be one, or if the Hub cannot be reached or refuses;
    DemonstrationError if the episodes cannot be exported.
    """
    _check_name(repo_id)
    token = os.environ.get(TOKEN, "").strip()
    if not (token or dry_run):
        raise HubError(
            f"Publishing needs a token of the Hugging Face Hub, and {TOKEN} is not set.",
            f"Make one with write access in your settings there, set {TOKEN} to it, and start the program again.",
        )
    chosen = [record.id for record in store.episodes()] if episodes is None else list(episodes)
    with explained(tempfile.gettempdir(), "preparing the upload"), tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        records = export_lerobot(store, chosen, root, language=language)
        card = dataset_card(records, store.read(records[0].id).shape, repo_id, licence)
        (root / CARD).write_text(card, "utf-8")
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        files = tuple(UploadFile(path.relative_to(root).as_posix(), path.stat().st_size) for path in paths)
        url = None
        if not dry_run:
            with _sentences(repo_id):
                url = _upload(HfApi(endpoint=endpoint, token=token), root, repo_id, private, len(records))
    return Upload(repo_id, files, card, url)


def _upload(api: HfApi, root: Path, repo_id: str, private: bool, episodes: int) -> str:
    api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
    commit = api.upload_folder(
        repo_id=repo_id,
        folder_path=root,
        repo_type="dataset",
        commit_message=f"{episodes} demonstrations",
        # Episodes of an earlier upload would otherwise stay beside these, and be counted by their readers.
        delete_patterns=["data/**", "meta/**"],
    )
    # LeRobot reads what the tag names; that of an earlier upload would go on naming the earlier set.
    with suppress(RevisionNotFoundError):
        api.delete_tag(repo_id, tag=CODEBASE_VERSION, repo_type="dataset")
    api.create_tag(repo_id, tag=CODEBASE_VERSION, revision=commit.oid, repo_type="dataset")
    return str(commit.commit_url)


def _check_name(repo_id: str) -> None:
    try:
        validate_repo_id(repo_id)
        if repo_id.count("/") != 1:
            raise HFValidationError("no owner")
    except HFValidationError as error:
        raise HubError(
            f"“{repo_id[:120]}” cannot be the name of a data set on the Hub.",
            "Write it as owner/name, with letters, digits, “-”, “_” and “.”, such as jane/blocks-in-a-cup.",
        ) from error


@contextmanager
def _sentences(repo_id: str) -> Iterator[None]:
    """Turn what the Hub's client raises into a HubError."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set, which forbids every upload.", "Unset it, and start again.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise HubError(
                f"The Hub does not let this token write {repo_id}.",
                f"Give the token in {TOKEN} write access, or choose a name under your own account.",
            ) from error
        if status == 404:
            raise HubError(f"The Hub knows no owner for {repo_id}.", "Check how it is spelt.") from error
        raise HubError(f"The Hub refused the upload of {repo_id} (status {status}).") from error
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise HubError(
            "The Hub cannot be reached.", "Check the network, and try again; the demonstrations are safe here."
        ) from error
    except ValueError as error:
        # As a network's log-in page does, which says that all is well.
        raise HubError("What answered is not the Hub.", "Check the network, and try again.") from error
