import { runGroups } from './run.ts'
import { openR2 } from './sites.ts'
import { TABLE } from './table.ts'

runGroups(TABLE, 'R2', openR2)
