import * as v from 'valibot'
import { text } from './schemas.ts'

/** `ACCESS_AUDIENCE` */
export const audience = text(
  'must be the Application Audience (AUD) Tag of the application in Cloudflare Access: letters and digits only',
  (value) => /^[\w-]+$/.test(value),
)

const DOMAIN_MESSAGE =
  'must be the team domain of Cloudflare Access, like "my-team.cloudflareaccess.com" or "https://my-team.cloudflareaccess.com"'
const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost']

/** `ACCESS_TEAM_DOMAIN`, as the issuer of the team's tokens. `http://` is for tests, on this machine only. */
export const teamDomain = v.pipe(
  v.string(DOMAIN_MESSAGE),
  v.transform((value) => (value.includes('://') ? value : `https://${value}`)),
  v.check(isOriginOfTeam, DOMAIN_MESSAGE),
  v.transform((value) => new URL(value).origin),
)

function isOriginOfTeam(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { origin, href, protocol, hostname } = new URL(value)
  if (href !== `${origin}/`) return false
  return protocol === 'https:' ? hostname.includes('.') : protocol === 'http:' && LOOPBACK.includes(hostname)
}
