import { rawPath } from '../http/raw-path.ts'
import { sendAsset } from './assets.ts'
import { type Handlers, ProblemError } from './context.ts'

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "media-src 'self'",
  "frame-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
]
/** What browsers know of these; an unknown one would be a warning in the console. */
const UNUSED_FEATURES = [
  'accelerometer',
  'camera',
  'display-capture',
  'geolocation',
  'gyroscope',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'usb',
]
const HEADERS = {
  'Content-Security-Policy': POLICY.join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Permissions-Policy': UNUSED_FEATURES.map((feature) => `${feature}=()`).join(', '),
  'Referrer-Policy': 'no-referrer',
}

/** The build puts a hash of the content into the names of all files but the page itself. */
const HASHED = /-[A-Za-z0-9]{8}\.[a-z0-9]+$/
const FILE = /^[A-Za-z0-9._-]+$/

/** The page and its files, which `npm run build:dashboard` makes. */
export const dashboardHandlers = {
  async dashboard(c) {
    // The addresses in the page are relative to the slash.
    if (!rawPath(c.req.url).endsWith('/')) return c.body(null, 308, { Location: '-/' })
    const page = await sendAsset(c, 'dashboard/index.html', { ...HEADERS, 'Cache-Control': 'no-cache' })
    if (page) return page
    const detail =
      'its files are missing: run `npm run build:dashboard`, then start or deploy the Worker again'
    throw new ProblemError({ status: 503, title: 'The dashboard is not built', detail })
  },

  async dashboardFile(c, { file }) {
    const lifetime = HASHED.test(file) ? 'public, max-age=31536000, immutable' : 'no-cache'
    const headers = { ...HEADERS, 'Cache-Control': lifetime }
    const found = FILE.test(file) ? await sendAsset(c, `dashboard/${file}`, headers) : null
    return found ?? c.notFound()
  },
} satisfies Partial<Handlers>
