"""Why the Hugging Face hub did not give a model, without the names of its client's errors."""


def why_not(error: Exception) -> str:
    """What the hub's client ran into, in words."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    match error:
        case HFValidationError():
            return "no model can have that name"
        case GatedRepoError():
            return "the model is there for those who were granted access"
        case RepositoryNotFoundError():
            return "it has no public model of that name"
        case LocalEntryNotFoundError():
            return "it could not be reached, and the model is not in its cache"
        case OSError(strerror=str(reason)):
            return reason
        case _:
            return "it gave no answer that can be used"
