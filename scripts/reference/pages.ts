import { apiPage } from './api.ts'
import { cliPage } from './cli.ts'
import { errorsReference } from './errors.ts'
import { settingsPage } from './settings.ts'

/** The generated pages in docs/. */
export const REFERENCE: Record<string, () => string | Promise<string>> = {
  'api.md': apiPage,
  'cli-commands.md': cliPage,
  'errors.md': errorsReference,
  'settings.md': settingsPage,
}
