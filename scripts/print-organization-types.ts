import { organizationTypesPage } from './organization-types-page.ts';

process.stdout.write(await organizationTypesPage());
