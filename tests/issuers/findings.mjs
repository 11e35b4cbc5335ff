// Owns what is known of each issuer: how it treats refresh tokens, seen by hand, and what `attache check --consent`
// must print of it. The one table to extend when the doctor learns more.
//
// rotates: a use replaces the refresh token, at the latest half a minute after the one before.
// tells: a revoke can be told to it.
// found: what the doctor must have found.
const rotating = /rotation = "rotating"/;
const noLeeway = /a spent refresh token is refused at once: leeway_seconds = 0/;
const reuseEndsAll = /a reuse that is refused ends the whole consent/;
const withoutRevocation = /it has no revocation endpoint/;
const reach = (word) => new RegExp(`revocation: it ended .*: revocation_reach = "${word}"`);
// Nothing was found that the preset does not say already.
const asThePreset = (name) => new RegExp(`\nprofile = "${name}"\\s*$`);

export const known = {
  // Two consents of one browser hang on one grant, which a revoke ends; one of another browser lives on.
  'oidc-provider': { rotates: true, tells: true, found: [rotating, noLeeway, reuseEndsAll, reach('grant')] },
  // So they do here on one session, as long as another client keeps it alive: the broker's own does.
  keycloak: { rotates: true, tells: true, found: [rotating, noLeeway, reach('grant'), asThePreset('keycloak')] },
  // A new consent ends the token of the one before. A use within three seconds of another replaces nothing.
  dex: { rotates: true, tells: false, found: [rotating, withoutRevocation, /^profile = "dex"$/m, /^leeway_seconds = [12] /m, /can have one alive for one client: live_refresh_tokens = 1/] },
  // Its revocation endpoint stands in its OAuth metadata (RFC 8414) only.
  'django-oauth-toolkit': { rotates: true, tells: true, found: [rotating, noLeeway, reach('family'), /ends nothing else: the current refresh token lives/] },
  hydra: { rotates: true, tells: true, found: [rotating, noLeeway, reuseEndsAll, reach('family'), asThePreset('hydra')] },
};
