from app.domain.governance.models import User
from app.domain.governance.schemas import UserCreate, UserRead
from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType, Reference

USER = ObjectType(
    name="user",
    plural="users",
    model=User,
    create=UserCreate,
    read=UserRead,
    example={"name": "Ada Lovelace", "email": "ada@example.com", "region": "Central", "role": "member"},
    filterable=frozenset({"name", "email", "manager_id", "region", "role", "status"}),
    sortable=frozenset({"name", "email"}),
    searchable=("name", "email"),
    title=("name",),
    references={"manager_id": Reference("user", inverse="reports", acyclic=True)},
    unique=("email",),
    written_by=Role.admin,
)
