// Owns the list of the issuers that the suite knows.
import { dex } from './dex.mjs';
import { djangoOauthToolkit } from './django_oauth_toolkit.mjs';
import { hydra } from './hydra.mjs';
import { keycloak } from './keycloak.mjs';
import { oidcProvider } from './oidc_provider.mjs';

export const issuers = [oidcProvider, keycloak, dex, djangoOauthToolkit, hydra];
