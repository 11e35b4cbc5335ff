// Owns what is known of each issuer: how it treats refresh tokens, seen by hand, and which lines `attache check
// --consent` must print of it. The one table to extend when the doctor learns more.
//
// rotates: a refresh replaces the refresh token. tells: a revoke can be told to it. found: what the doctor's report holds.
export const known = {
  'oidc-provider': {
    rotates: true,
    tells: true,
    found: [/rotation = "rotating"/],
  },
  keycloak: {
    rotates: true,
    tells: true,
    found: [/rotation = "rotating"/],
  },
  dex: {
    rotates: true,
    tells: false,
    found: [/rotation = "rotating"/],
  },
  'django-oauth-toolkit': {
    rotates: true,
    tells: true,
    found: [/rotation = "rotating"/],
  },
  hydra: {
    rotates: true,
    tells: true,
    found: [/rotation = "rotating"/],
  },
};
