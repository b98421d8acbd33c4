"""Operations view of tenants, people and keys: read-only but for a person's own fields."""

from django.contrib import admin

from tradenexus.tenancy.models import ApiKey, Membership, Tenant, User


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):
    """Tenants by name."""

    list_display = ("name", "created_at", "reserved_bytes", "quota_bytes")
    readonly_fields = ("reserved_bytes",)
    search_fields = ("name",)


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    """People by address."""

    list_display = ("email", "is_active", "is_staff", "last_login")
    search_fields = ("email",)
    fields = ("email", "first_name", "last_name", "is_active", "is_staff")


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    """Who is what, where."""

    list_display = ("user", "tenant", "role", "created_at")
    list_select_related = ("user", "tenant")


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Keys; never their secrets."""

    list_display = ("name", "lookup", "user", "tenant", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("user", "tenant")
    exclude = ("secret_hash",)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False
