import { testClients } from './clients.ts'
import { COMMANDS } from './programs.ts'

testClients(COMMANDS)
