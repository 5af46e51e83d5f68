import { fileURLToPath } from 'node:url'
import { brokenSiteLinks } from './docs/site-links.ts'

/** The last step of `npm run docs`: fails if a link of the built site leads nowhere. */
const broken = brokenSiteLinks(fileURLToPath(new URL('../docs/.vitepress/dist', import.meta.url)))
for (const link of broken) console.error(`broken link: ${link}`)
if (broken.length > 0) process.exit(1)
