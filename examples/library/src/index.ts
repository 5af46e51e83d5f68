import { createApp, r2 } from 'fallback-storage'
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { d1Backend } from './d1-backend.ts'

interface Env {
  MEDIA: R2Bucket
  DB: D1Database
  SITE_URL: string
  API_TOKEN: string
  SIGNING_KEY: string
  MEMBERS_PASSWORD: string
}

const media = createApp((env: Env) => ({
  storages: [r2(env.MEDIA), d1Backend(env.DB)],
  migration: true,
  mediaPath: '/media/',
  mediaUrl: `${env.SITE_URL}/media/`,
  mediaAccess: 'signed',
  urlSigningKeys: [{ id: '1', key: env.SIGNING_KEY }],
  apiToken: env.API_TOKEN,
}))

const app = new Hono<{ Bindings: Env }>()

app.get('/', (c) => c.text('Welcome'))

/** Members get a link to a file that works for five minutes. */
app.get(
  '/members/:name{.+}',
  basicAuth({ verifyUser: (user, password, c) => user === 'member' && password === c.env.MEMBERS_PASSWORD }),
  async (c) => {
    const files = media.storage(c.env)
    const name = c.req.param('name')
    if (!(await files.exists(name))) return c.text('There is no such file', 404)
    return c.redirect(await files.url(name, { expiresIn: 300 }))
  },
)

app.route('/media', media)

export default { fetch: app.fetch, queue: media.queue, scheduled: media.scheduled }

export class BackfillJob extends media.BackfillJob {}
export class VerificationJob extends media.VerificationJob {}
export { JobIndex } from 'fallback-storage'
