import { runGroups } from './run.ts'
import { openFallback } from './sites.ts'
import { TABLE } from './table.ts'

runGroups(TABLE, 'R2 and a fallback', openFallback)
