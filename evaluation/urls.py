"""This room's pages, below /projects/<slug>/."""

from django.urls import path

from evaluation.views import campaigns, rating, scorecards, setup

app_name = "evaluation"
urlpatterns = [
    path("baseline/", setup.baseline, name="baseline"),
    path("rules/", setup.rules, name="rules"),
    path("scorecards/", scorecards.scorecards, name="scorecards"),
    path("scorecards/new/", setup.new_comparison, name="new-comparison"),
    path("scorecards/<int:number>/", scorecards.scorecard, name="scorecard"),
    path("scorecards/<int:number>/export/", scorecards.export_scorecard, name="export"),
    path("scorecards/<int:number>/rescore/", scorecards.rescore, name="rescore"),
    path("campaigns/", campaigns.campaigns, name="campaigns"),
    path("campaigns/new/", campaigns.new_campaign, name="new-campaign"),
    path("campaigns/<int:number>/", campaigns.campaign, name="campaign"),
    path("campaigns/<int:number>/invite/", campaigns.invite, name="invite"),
    path("campaigns/<int:number>/close/", campaigns.close, name="close-campaign"),
    path("campaigns/<int:number>/override/", campaigns.override, name="override"),
    path("rate/<int:campaign>/", rating.rate, name="rate"),
    path("rate/<int:campaign>/last/", rating.last_items, name="last-items"),
    path("rate/<int:campaign>/<uuid:item>/", rating.item, name="item"),
    path("rate/<int:campaign>/<uuid:item>/draft/", rating.draft, name="draft"),
    path("rate/<int:campaign>/<uuid:item>/release/", rating.release, name="release"),
]
